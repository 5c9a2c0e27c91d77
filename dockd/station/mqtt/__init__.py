"""The MQTT broker. Import it only where one is configured: its library takes 6 MiB."""

from dockd.station.mqtt.broker import BrokerSettings, MqttBroker

__all__ = ["BrokerSettings", "MqttBroker"]
