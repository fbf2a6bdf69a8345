//! Reads a source that somebody holds as paths and bytes: tests, generators and fuzzers. Limits and places are those of a
//! commit.

use std::collections::BTreeMap;

use assent_schema::finding::Findings;

use super::limits::{DEPTH_MOST, FILES_MOST, PATH_MOST_BYTES};
use super::text::bad_name;
use super::{Collector, Source, advice};

/// Takes the files that the compiler compiles; what it will not read is a finding.
pub fn read_files(files: &BTreeMap<String, Vec<u8>>) -> (Source, Findings) {
    let mut collector = Collector::new();
    for (path, bytes) in files.iter().take(FILES_MOST) {
        if let Some((_, help)) = path.split('/').find_map(bad_name) {
            collector.refuse(path, "The name cannot be one of ours.".into(), help);
        } else if path.len() > PATH_MOST_BYTES {
            collector.refuse(path, "The path is too long.".into(), advice::TOO_LONG);
        } else if path.split('/').count() > DEPTH_MOST {
            collector.refuse(path, "The path is too deep.".into(), advice::TOO_DEEP);
        } else if let Some(reading) = collector.begin(path)
            && collector.admit(&reading, bytes.len())
        {
            collector.take(reading, bytes);
        }
    }
    collector.finish(None)
}
