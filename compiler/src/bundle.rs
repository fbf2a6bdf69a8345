//! Plans, statements and rehearsals to a bundle.
