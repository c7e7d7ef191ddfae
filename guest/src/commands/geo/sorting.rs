//! Sorting by distance, so that those at the same distance come in the order in which they come from
//! Redis: stable where all are sorted, and where only the first few are, as the quicksort leaves them
//! that Redis has for it. Knows nothing of places.
//!
//! Nothing promises that a distance is a number, so nothing here trusts the comparisons to agree.

use std::cmp::Ordering;

/// Compares two distances as Redis does, where what is no number is less than anything.
fn compare(one: f64, other: f64, backwards: bool) -> Ordering {
    let order = if one > other {
        Ordering::Greater
    } else if one == other {
        Ordering::Equal
    } else {
        Ordering::Less
    };
    if backwards { order.reverse() } else { order }
}

// ---- all ---------------------------------------------------------------------------------------

/// Sorts all; what is equal stays in order.
pub fn sort<T: Copy>(items: &mut [T], distance: impl Fn(&T) -> f64, backwards: bool) {
    let mut merged = Vec::with_capacity(items.len());
    let follows = |one: &T, other: &T| {
        compare(distance(one), distance(other), backwards) == Ordering::Greater
    };
    merge_sort(items, &mut merged, &follows);
}

fn merge_sort<T: Copy>(items: &mut [T], merged: &mut Vec<T>, follows: &impl Fn(&T, &T) -> bool) {
    if items.len() < 2 {
        return;
    }
    let (left, right) = items.split_at_mut(items.len() / 2);
    merge_sort(left, merged, follows);
    merge_sort(right, merged, follows);
    merged.clear();
    let (mut lefts, mut rights) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(left), Some(right)) = (lefts.peek(), rights.peek()) {
        merged.extend(if follows(left, right) {
            rights.next()
        } else {
            lefts.next()
        });
    }
    merged.extend(lefts.chain(rights));
    items.copy_from_slice(merged);
}

// ---- the first few -----------------------------------------------------------------------------

/// Sorts so far that the first `wanted` are those that come first, in order.
pub fn sort_first<T>(
    items: &mut [T],
    wanted: usize,
    distance: impl Fn(&T) -> f64,
    backwards: bool,
) {
    let compare = |one: &T, other: &T| compare(distance(one), distance(other), backwards);
    quicksort(items, wanted, &compare);
}

/// The quicksort of Bentley and McIlroy ("Engineering a Sort Function", 1993), which goes on only
/// with parts that begin among the first `wanted`.
fn quicksort<T>(mut items: &mut [T], mut wanted: usize, compare: &impl Fn(&T, &T) -> Ordering) {
    const FEW: usize = 7;
    loop {
        if items.len() < FEW {
            return insertion_sort(items, compare);
        }
        let (less, greater) = partition(items, compare);
        if less > 1 && wanted > 0 {
            quicksort(&mut items[..less], wanted, compare);
        }
        let start = items.len() - greater;
        if greater < 2 || start >= wanted {
            return;
        }
        items = &mut items[start..];
        wanted -= start;
    }
}

fn insertion_sort<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && compare(&items[at - 1], &items[at]) == Ordering::Greater {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Brings what is less than some element to the front and what is greater to the back; returns how
/// many there are of both.
fn partition<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let len = items.len();
    items.swap(0, pivot(items, compare));
    // What is equal is gathered at both ends: before `equal_left` and from `equal_right` on.
    let (mut equal_left, mut left) = (1, 1);
    let (mut right, mut equal_right) = (len, len);
    loop {
        while left < right {
            match compare(&items[left], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(equal_left, left);
                    equal_left += 1;
                }
                Ordering::Less => {}
            }
            left += 1;
        }
        while left < right {
            match compare(&items[right - 1], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    equal_right -= 1;
                    items.swap(right - 1, equal_right);
                }
                Ordering::Greater => {}
            }
            right -= 1;
        }
        if left >= right {
            break;
        }
        items.swap(left, right - 1);
        left += 1;
        right -= 1;
    }
    let (less, greater) = (left - equal_left, equal_right - right);
    swap_ends(items, 0, left, equal_left.min(less));
    swap_ends(items, left, len, greater.min(len - equal_right));
    (less, greater)
}

/// Exchanges the first `count` elements between two indices with the last.
fn swap_ends<T>(items: &mut [T], start: usize, end: usize, count: usize) {
    for at in 0..count {
        items.swap(start + at, end - count + at);
    }
}

/// The index of an element that is probably about in the middle.
fn pivot<T>(items: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    const SOME: usize = 7;
    const MANY: usize = 40;
    let (len, middle) = (items.len(), items.len() / 2);
    let median = |a: usize, b: usize, c: usize| {
        let order = |one: usize, other: usize| compare(&items[one], &items[other]);
        if order(a, b) == Ordering::Less {
            if order(b, c) == Ordering::Less {
                b
            } else if order(a, c) == Ordering::Less {
                c
            } else {
                a
            }
        } else if order(b, c) == Ordering::Greater {
            b
        } else if order(a, c) == Ordering::Less {
            a
        } else {
            c
        }
    };
    if len <= SOME {
        return middle;
    }
    if len <= MANY {
        return median(0, middle, len - 1);
    }
    let step = len / 8;
    median(
        median(0, step, 2 * step),
        median(middle - step, middle, middle + step),
        median(len - 1 - 2 * step, len - 1 - step, len - 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_comes_first_and_in_order() {
        let mut rng = fastrand::Rng::with_seed(31);
        for _ in 0..2000 {
            let len = rng.usize(0..200);
            let items: Vec<(f64, usize)> =
                (0..len).map(|at| (f64::from(rng.u8(0..60)), at)).collect();
            let backwards = rng.bool();
            let mut stable = items.clone();
            stable.sort_by(|one, other| compare(one.0, other.0, backwards));
            let mut sorted = items.clone();
            sort(&mut sorted, |item| item.0, backwards);
            assert_eq!(sorted, stable);

            let wanted = rng.usize(0..=len);
            let mut selected = items.clone();
            sort_first(&mut selected, wanted, |item| item.0, backwards);
            let distances = |items: &[(f64, usize)]| -> Vec<f64> {
                items.iter().take(wanted).map(|item| item.0).collect()
            };
            assert_eq!(distances(&selected), distances(&stable));
            selected.sort_by_key(|item| item.1);
            assert_eq!(selected, items);
        }
    }

    /// Comparisons that do not agree lead to some order, and nowhere else.
    #[test]
    fn what_is_no_number_does_no_harm() {
        let mut rng = fastrand::Rng::with_seed(32);
        for _ in 0..500 {
            let items: Vec<f64> = (0..rng.usize(0..100))
                .map(|_| if rng.bool() { f64::NAN } else { rng.f64() })
                .collect();
            let mut sorted = items.clone();
            sort(&mut sorted, |item| *item, rng.bool());
            let wanted = rng.usize(0..=items.len());
            sort_first(&mut sorted, wanted, |item| *item, rng.bool());
            assert_eq!(sorted.len(), items.len());
        }
    }
}
