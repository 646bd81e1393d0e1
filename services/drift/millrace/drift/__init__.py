"""The drift service: monitors of every production version, and the alarms they raise."""
