//! Recording: a conversation is played on a real Redis, and what it answers is written down.
//!
//! Comments, masks and what a person wrote about silence and closing stay; literal replies are
//! replaced, missing ones filled in.

use std::mem;

use crate::conversation::{Conversation, Exchange, Heard, Item, What};
use crate::frame;
use crate::play::{Chunk, Patience, Player, Reading, Stage};

/// Plays on `player`, which must be the real one, and puts its answers into `conversation`.
pub fn record(conversation: &mut Conversation, player: &mut dyn Player) -> Result<(), String> {
    let path = conversation.path.display().to_string();
    let mut stage = Stage::new(player);
    for item in &mut conversation.items {
        match item {
            Item::Note(_) => {}
            Item::Advance(duration) => stage.player.advance(*duration),
            Item::Leaves(client) => stage.player.leave(client),
            Item::Exchange(exchange) => {
                stage.say(exchange);
                let heard = mem::take(&mut exchange.heard);
                exchange.heard = match heard.as_slice() {
                    [] => discover(&mut stage, exchange, Patience::None),
                    // Only the end was written down: what comes before it is to be found out.
                    [Heard::Closed] if exchange.sent.is_some() => {
                        discover(&mut stage, exchange, Patience::Due)
                    }
                    _ => follow(&mut stage, exchange, heard)
                        .map_err(|error| format!("{path}:{}: {error}", exchange.line))?,
                };
            }
        }
    }
    Ok(())
}

/// Nothing is known yet: a command is answered once, raw bytes until silence or for as long as
/// `patience` says.
fn discover(stage: &mut Stage, exchange: &Exchange, patience: Patience) -> Vec<Heard> {
    let command = matches!(
        exchange.sent.as_ref().map(|sent| &sent.what),
        Some(What::Command(_))
    );
    let closes = patience == Patience::Due;
    let mut bytes = Vec::new();
    let mut heard = Vec::new();
    loop {
        let first = command && bytes.is_empty();
        let patience = if first { Patience::Due } else { patience };
        match stage.read(&exchange.client, patience) {
            Reading::Frame(frame) => bytes.extend(frame),
            Reading::End(Chunk::Closed, _) => {
                heard.push(Heard::Closed);
                break;
            }
            Reading::End(_, _) => break,
        }
        if first && !closes {
            break;
        }
    }
    if !bytes.is_empty() {
        heard.insert(0, Heard::Bytes(bytes));
    }
    if heard.is_empty() {
        heard.push(Heard::Nothing);
    }
    heard
}

/// The shape is known: the same number of replies, with what they say now.
fn follow(stage: &mut Stage, exchange: &Exchange, heard: Vec<Heard>) -> Result<Vec<Heard>, String> {
    let mut now = Vec::new();
    for heard in heard {
        let Heard::Bytes(before) = heard else {
            let kept = stage.hear(&exchange.client, &heard);
            kept.map_err(|failure| failure.describe())?;
            now.push(heard);
            continue;
        };
        let mut bytes = Vec::new();
        for _ in 0..frame::count(&before).unwrap_or(0) {
            match stage.read(&exchange.client, Patience::Due) {
                Reading::Frame(frame) => bytes.extend(frame),
                Reading::End(..) => return Err("fewer replies than before".to_owned()),
            }
        }
        now.push(Heard::Bytes(bytes));
    }
    Ok(now)
}
