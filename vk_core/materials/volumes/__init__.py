"""What the volumes of a pod contain and where containers have them: pure rules, without fetching or writing."""
