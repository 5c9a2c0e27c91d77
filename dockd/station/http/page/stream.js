// The station's events, and whether they still come: it sends one a second in any case.

const SILENCE_MS = 4000;
const AGAIN_MS = 2000;
const NAMES = ["slot", "status", "clip", "problem"];

/** Hand each event to `heard`, and tell `lost` when none come any more; then begin anew. */
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
    setTimeout(open, AGAIN_MS);
  }

  open();
}
