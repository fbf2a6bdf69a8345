//! Flow analysis over a plan: class, marks and released bits of every value at every site.
