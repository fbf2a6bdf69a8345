//! One function judges every decision, whatever its channel.
