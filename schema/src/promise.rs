//! The promises P01 to P26: sentence, codes, test, evidence.
