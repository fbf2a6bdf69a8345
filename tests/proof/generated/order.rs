//! The same TOML in another order: tables that stand beside one another, and keys of one table.

use assent_tests::generate::Dice;

/// Some lines with what they are: the name of their array of tables, or nothing where order means nothing.
struct Block {
    array: Option<String>,
    header: String,
    keys: Vec<String>,
    /// What belongs to this item of an array, in its order.
    below: String,
}

/// Puts a text into another order that means the same. Values stand on one line; comments are left out.
pub(super) fn shuffled(text: &str, dice: &mut Dice) -> String {
    let mut blocks = blocks(text);
    for block in &mut blocks {
        dice.shuffle(&mut block.keys);
    }
    // What stands before the first header stays there.
    let root = blocks.remove(0);
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    dice.shuffle(&mut order);
    let mut out = shown(&root);
    let mut used = vec![false; blocks.len()];
    for at in order {
        // Items of an array keep their order: wherever one comes up, the first that is left stands there.
        let array = blocks.get(at).and_then(|block| block.array.clone());
        let first = blocks.iter().enumerate().position(|(at, block)| {
            array.is_some() && block.array == array && !used.get(at).copied().unwrap_or_default()
        });
        let at = first.unwrap_or(at);
        if let (Some(block), Some(used)) = (blocks.get(at), used.get_mut(at)) {
            *used = true;
            out.push_str(&shown(block));
        }
    }
    out
}

fn shown(block: &Block) -> String {
    format!("{}{}{}\n", block.header, block.keys.concat(), block.below)
}

fn blocks(text: &str) -> Vec<Block> {
    let new = |array, header: &str| Block { array, header: header.to_owned(), keys: Vec::new(), below: String::new() };
    let mut blocks = vec![new(None, "")];
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let line = format!("{line}\n");
        let name = line.trim_start_matches('[').split(']').next().unwrap_or_default();
        let last = blocks.last_mut().expect("the root");
        let is_below =
            last.array.as_ref().is_some_and(|array| name.strip_prefix(array).is_some_and(|rest| rest.starts_with('.')));
        if !line.starts_with('[') {
            if last.below.is_empty() { last.keys.push(line) } else { last.below.push_str(&line) }
        } else if is_below {
            last.below.push_str(&line);
        } else {
            let array = line.starts_with("[[").then(|| name.to_owned());
            blocks.push(new(array, &line));
        }
    }
    blocks
}
