//! The one place where a value becomes part of an HTTP request.
