"""Where people walk: street and hall, their props, the cameras."""
