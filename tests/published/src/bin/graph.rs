//! Graphs and their shortest ways, with petgraph. `graph PLACES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use petgraph::algo::{astar, dijkstra, kosaraju_scc, min_spanning_tree, toposort};
use petgraph::dot::Dot;
use petgraph::graph::{DiGraph, UnGraph};
use petgraph::visit::Dfs;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: graph PLACES")?.parse()?;
    let mut graph = DiGraph::<String, u64>::new();
    let places: Vec<_> = (0..count).map(|number| graph.add_node(format!("place {number}"))).collect();
    for number in 0..count {
        for step in [1, 3, 7] {
            let to = (number * step + step) % count;
            if to != number {
                graph.add_edge(places[number as usize], places[to as usize], 1 + number % 5 * step);
            }
        }
    }
    step(1);
    let mut reached = 0;
    for number in (0..count).step_by(9) {
        step(2 + number);
        reached += dijkstra(&graph, places[number as usize], None, |edge| *edge.weight()).len();
        step(2 + number);
        let goal = places[(count - 1) as usize];
        let way = astar(&graph, places[number as usize], |place| place == goal, |edge| *edge.weight(), |_| 0);
        reached += way.map_or(0, |(_, way)| way.len());
    }
    step(1 << 32);
    let parts = kosaraju_scc(&graph);
    step(2 << 32);
    let sorted = toposort(&graph, None).map_or(0, |sorted| sorted.len());
    step(3 << 32);
    let text = format!("{:?}", Dot::new(&graph));
    step(4 << 32);
    let undirected = UnGraph::<(), u64>::from_edges(
        (1..count as u32).map(|number| (number, number / 2, u64::from(number))),
    );
    let tree = min_spanning_tree(&undirected).count();
    step(5 << 32);
    let mut walk = Dfs::new(&graph, places[0]);
    let mut seen = 0;
    while walk.next(&graph).is_some() {
        seen += 1;
    }
    step(6 << 32);
    println!("{reached}, {} parts, {sorted}, {} letters, {tree}, {seen}", parts.len(), text.len());
    Ok(())
}
