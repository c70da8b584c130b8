"""Parts that several kinds of animals share: ears, eyes, bodies and muzzles."""
