use super::*;
use crate::store::codec::ChunkBuilder;

/// A chunk of `count` records from `first_seq` on.
fn chunk(first_seq: u64, count: u16, synced: u64) -> Head {
    let mut builder = ChunkBuilder::new(first_seq);
    builder.push(&[0], usize::from(count));
    Head::read(&builder.finish(synced).unwrap().value).unwrap()
}

fn look(chunks: &[(u64, u16, u64)], outside: &[(u64, u16, u64)]) -> Look {
    let all = |chunks: &[(u64, u16, u64)]| chunks.iter().map(|it| chunk(it.0, it.1, it.2)).collect();
    Look { chunks: all(chunks), outside: all(outside), broken: Vec::new() }
}

fn expected(least: u64) -> (u64, bool) {
    (least, false)
}

fn refused(look: &Look, head: u64) -> String {
    judge(look, head, 0).unwrap_err().to_string()
}

#[test]
fn a_whole_log_is_expected_to_reach_what_its_last_chunk_knows_to_be_durable() {
    let look = look(&[(1, 10, 0), (11, 5, 10), (16, 1, 15)], &[]);
    assert_eq!(judge(&look, 0, 0).unwrap(), expected(15));
    assert_eq!(judge(&look, 16, 0).unwrap(), expected(16));
    assert_eq!(torn(&look), None);
}

#[test]
fn merged_chunks_and_what_they_were_made_of_are_no_contradiction() {
    let look = look(&[(2, 1, 1), (1, 3, 3), (1, 1, 0), (4, 1, 3), (3, 1, 2)], &[(2, 1, 1)]);
    assert_eq!(judge(&look, 4, 0).unwrap(), expected(4));
}

#[test]
fn a_hole_below_what_was_durable_is_damage_that_names_the_records() {
    let look = look(&[(1, 10, 0), (16, 5, 15)], &[(11, 2, 10)]);
    let told = refused(&look, 0);
    assert!(told.contains("of 15 durable records, these are missing or bad: 11 to 15"), "{told}");
    assert!(told.ends_with("whole copies of 2 of these 5"), "{told}");
}

#[test]
fn a_log_that_ends_before_the_noted_head_is_damaged() {
    assert!(refused(&look(&[(1, 10, 0)], &[]), 12).contains("missing or bad: 11 to 12"));
    assert!(refused(&Look::default(), 1).contains("missing or bad: 1;"));
}

#[test]
fn what_was_torn_above_is_cut_and_told() {
    let look = look(&[(1, 10, 0)], &[(11, 3, 10), (20, 1, 10)]);
    assert_eq!(judge(&look, 10, 0).unwrap(), expected(10));
    assert_eq!(torn(&look), Some((11, 20)));
}

#[test]
fn a_hole_above_what_was_durable_is_for_a_copy_to_settle() {
    assert!(judge(&look(&[(1, 10, 0), (12, 1, 10)], &[]), 0, 0).unwrap().1);
}

#[test]
fn many_holes_are_counted_and_not_all_named() {
    let chunks: Vec<_> = (0..20).map(|number| (2 + 2 * number, 1, 1 + 2 * number)).collect();
    assert!(refused(&look(&chunks, &[]), 0).contains("3, 5, 7, 9, 11, 13, 15 and 12 more ranges"));
}
