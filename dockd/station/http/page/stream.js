// The station's events, and whether they still come: it sends one a second in any case.

const SILENCE_MS = 4000;
const AGAIN_MS = 2000;
const NAMES = ["slot", "status", "clip", "problem"];

/** Why the station does not let this page follow it, in its words; null where it is away. */
async function refused() {
  const asking = new AbortController();
  try {
    const answer = await fetch("/v1/events", { signal: asking.signal });
    if (answer.ok) return null;
    const said = await answer.json();
    return `${said.reason}. ${said.next}`;
  } catch {
    return null;
  } finally {
    asking.abort();
  }
}

/** Hand each event to `heard`; tell `lost` when none come any more, and why; then begin anew. */
export function follow({ heard, lost }) {
  let source = null;
  let silence = 0;

  function open() {
    source = new EventSource("/v1/events");
    source.onerror = lose;
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        wait();
        heard(name, JSON.parse(event.data));
      });
    }
    wait();
  }

  function wait() {
    clearTimeout(silence);
    silence = setTimeout(lose, SILENCE_MS);
  }

  // A connection that ended says so; one to a machine that is off, or a daemon that hangs, is silent.
  function lose() {
    clearTimeout(silence);
    source.close();
    lost();
    // An EventSource does not say why it ended; meanwhile there may be a new one.
    refused().then((why) => why && source.readyState !== EventSource.OPEN && lost(why));
    setTimeout(open, AGAIN_MS);
  }

  open();
}
