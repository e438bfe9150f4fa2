//! Who supersedes whom. Only published updates supersede; circles count for nothing (row S-24).

/// `newer` supersedes `older`; both are places in a list of all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) newer: u32,
    pub(super) older: u32,
}

/// The outcome.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// For each key one live superseder.
    pub(super) superseded_by: Vec<Option<u32>>,
    /// Keys that lie in a circle.
    pub(super) in_cycle: Vec<bool>,
    /// Circles, as text for people.
    pub(super) cycles: Vec<String>,
}

/// Circles that are named; further ones are only ignored.
const MOST_CYCLES: usize = 100;
/// Keys of a circle that are named.
const MOST_NAMES: usize = 10;

/// Finds for each key one that supersedes it. Linear in keys and edges, without recursion: a chain of 10^5 is no deeper
/// than any other.
pub(super) fn resolve(nodes: usize, edges: Vec<Edge>, name: impl Fn(u32) -> String) -> Standing {
    let component = components(nodes, &edges);
    let mut sizes = vec![0_u32; nodes];
    for &of in &component {
        sizes[of as usize] += 1;
    }
    let in_cycle: Vec<bool> = component.iter().map(|of| sizes[*of as usize] > 1).collect();
    let mut superseded_by = vec![None; nodes];
    for Edge { newer, older } in edges {
        let same = component[newer as usize] == component[older as usize];
        let best = &mut superseded_by[older as usize];
        // One that is not superseded itself says more, but any live one will do: the first that the catalogue lists.
        if !same && best.is_none() {
            *best = Some(newer);
        }
    }
    let mut members: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
    for (node, of) in (0_u32..).zip(&component) {
        if sizes[*of as usize] > 1 && (members.len() < MOST_CYCLES || members.contains_key(of)) {
            members.entry(*of).or_default().push(node);
        }
    }
    let cycles = members.into_values().map(|members| {
        let names: Vec<String> = members.iter().take(MOST_NAMES).map(|node| name(*node)).collect();
        let more = members.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", names.join(", "))
    });
    Standing { superseded_by, in_cycle, cycles: cycles.collect() }
}

/// The strongly connected component of each node (Tarjan, with a stack of its own).
fn components(nodes: usize, edges: &[Edge]) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    // Edges by their newer end: `targets[starts[n]..starts[n + 1]]`.
    let mut starts = vec![0_usize; nodes + 1];
    for edge in edges {
        starts[edge.newer as usize + 1] += 1;
    }
    for node in 0..nodes {
        starts[node + 1] += starts[node];
    }
    let mut targets = vec![0_u32; edges.len()];
    let mut next = starts.clone();
    for edge in edges {
        let place = &mut next[edge.newer as usize];
        targets[*place] = edge.older;
        *place += 1;
    }

    let mut next = starts.clone();
    let mut order = vec![NONE; nodes];
    let mut low = vec![0_u32; nodes];
    let mut component = vec![NONE; nodes];
    let (mut open, mut path) = (Vec::new(), Vec::new());
    let (mut seen, mut found) = (0_u32, 0_u32);
    for root in 0..nodes {
        if order[root] != NONE {
            continue;
        }
        path.push(root);
        while let Some(&node) = path.last() {
            if order[node] == NONE {
                order[node] = seen;
                low[node] = seen;
                seen += 1;
                open.push(node);
            }
            let mut deeper = None;
            while next[node] < starts[node + 1] {
                let target = targets[next[node]] as usize;
                next[node] += 1;
                if order[target] == NONE {
                    deeper = Some(target);
                    break;
                }
                if component[target] == NONE {
                    low[node] = low[node].min(order[target]);
                }
            }
            if let Some(target) = deeper {
                path.push(target);
                continue;
            }
            path.pop();
            if let Some(&parent) = path.last() {
                low[parent] = low[parent].min(low[node]);
            }
            if low[node] == order[node] {
                while let Some(member) = open.pop() {
                    component[member] = found;
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(newer: u32, older: u32) -> Edge {
        Edge { newer, older }
    }

    fn of(nodes: usize, edges: &[(u32, u32)]) -> Standing {
        resolve(nodes, edges.iter().map(|(newer, older)| edge(*newer, *older)).collect(), |node| format!("u{node}"))
    }

    #[test]
    fn the_first_that_supersedes_an_update_is_named() {
        let standing = of(4, &[(3, 0), (3, 1), (2, 0), (1, 0)]);
        assert_eq!(standing.superseded_by, [Some(3), Some(3), None, None]);
        assert!(standing.cycles.is_empty());
    }

    #[test]
    fn s_24_circles_are_named_and_count_for_nothing() {
        let standing = of(6, &[(0, 1), (1, 2), (2, 0), (2, 3), (4, 0), (5, 5)]);
        assert_eq!(standing.superseded_by, [Some(4), None, None, Some(2), None, None]);
        assert_eq!(standing.cycles, ["u0, u1, u2"]);
        assert_eq!(standing.in_cycle, [true, true, true, false, false, false]);
    }

    #[test]
    fn s_24_a_chain_of_a_hundred_thousand_is_no_deeper_than_any_other() {
        let length = 100_000_u32;
        let chain: Vec<(u32, u32)> = (1..length).map(|newer| (newer, newer - 1)).collect();
        let standing = of(length as usize, &chain);
        assert_eq!(standing.superseded_by.iter().filter(|by| by.is_some()).count(), length as usize - 1);
        let mut circle = chain;
        circle.push((0, length - 1));
        let standing = of(length as usize, &circle);
        assert!(standing.superseded_by.iter().all(Option::is_none));
        assert!(standing.cycles[0].ends_with("and 99990 more"), "{:?}", standing.cycles);
    }
}
