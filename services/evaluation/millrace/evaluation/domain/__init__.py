"""The pure part: figures with their intervals at the gate, sequential evidence in shadow and canary."""
