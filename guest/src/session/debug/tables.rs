//! DEBUG HTSTATS and HTSTATS-KEY: how large Redis's hash tables would be. Ours have another layout,
//! so chains are not told of.

use std::fmt::Write as _;

use super::super::Call;
use crate::commands::{Outcome, error, options};
use crate::resp::Args;
use crate::value::Value;

/// The smallest table.
const LEAST_SLOTS: usize = 4;

/// A table of so many elements; nothing of one that is empty.
fn describe(elements: usize, page: &mut String) {
    if elements == 0 {
        return;
    }
    let slots = elements.next_power_of_two().max(LEAST_SLOTS);
    // Writing to a String does not fail.
    let _ = write!(
        page,
        "Hash table 0 stats (main hash table):\n table size: {slots}\n number of elements: {elements}\n"
    );
}

/// DEBUG HTSTATS dbid [full]
pub fn database(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let keyspace = &call.server.keyspace;
    let db = options::integer(args.at(2))?;
    let db = usize::try_from(db)
        .ok()
        .filter(|db| *db < keyspace.databases())
        .ok_or(error::DEBUG_DB_OUT_OF_RANGE)?;
    let mut page = "[Dictionary HT]\n".to_owned();
    describe(keyspace.len(db), &mut page);
    page.push_str("[Expires HT]\n");
    describe(keyspace.expiring(db), &mut page);
    call.reply.verbatim("txt", page.as_bytes());
    Ok(())
}

/// DEBUG HTSTATS-KEY key [full]
pub fn key(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let db = call.client().db;
    let Some(entry) = call.server.keyspace.peek(db, args.at(2)) else {
        return Err(error::NO_SUCH_KEY);
    };
    let elements = match entry.value() {
        Value::Set(set) if set.encoding() == "hashtable" => set.len(),
        Value::Hash(fields) if fields.is_table() => fields.len(),
        Value::SortedSet(set) if !set.is_packed() => set.len(),
        _ => return Err(error::NOT_A_HASH_TABLE),
    };
    let mut page = String::new();
    describe(elements, &mut page);
    call.reply.verbatim("txt", page.as_bytes());
    Ok(())
}
