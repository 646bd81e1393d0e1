"""Takes what products submit, validated and masked before it is kept."""
