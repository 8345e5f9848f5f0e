//! A world of entities and systems, with hecs. `entities TICKS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use hecs::{CommandBuffer, Entity, EntityBuilder, World};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Copy, Debug)]
struct Position(f32, f32);
struct Speed(f32, f32);
struct Name(String);
struct Inventory(Vec<Box<str>>);
struct Health(i32);
struct Trail(Vec<Position>);

type System = Box<dyn Fn(&mut World, &mut CommandBuffer, u64) -> Result<usize, hecs::ComponentError>>;

fn spawn(world: &mut World, number: u64) -> Entity {
    let mut builder = EntityBuilder::new();
    builder.add(Position(number as f32, 0.0)).add(Name(format!("entity {number}")));
    if number % 2 == 0 {
        builder.add(Speed(1.0, (number % 5) as f32)).add(Trail(Vec::new()));
    }
    if number % 3 == 0 {
        builder.add(Health(10 + number as i32 % 20));
    }
    if number % 5 == 0 {
        builder.add(Inventory((0..number % 4).map(|item| format!("item {item}").into()).collect()));
    }
    world.spawn(builder.build())
}

fn systems() -> Vec<System> {
    let moving: System = Box::new(|world, _, _| {
        let mut moved = 0;
        for (position, speed, trail) in world.query_mut::<(&mut Position, &Speed, &mut Trail)>() {
            trail.0.push(*position);
            *position = Position(position.0 + speed.0, position.1 + speed.1);
            moved += 1;
        }
        Ok(moved)
    });
    let fading: System = Box::new(|world, commands, tick| {
        for (entity, health) in world.query::<(Entity, &mut Health)>().iter() {
            health.0 -= 1 + (tick % 3) as i32;
            if health.0 <= 0 {
                commands.remove_one::<Health>(entity);
                commands.insert_one(entity, Inventory(vec![format!("remains of {}", entity.id()).into()]));
            }
        }
        Ok(0)
    });
    let trading: System = Box::new(|world, commands, tick| {
        let rich: Vec<Entity> = world
            .query::<(Entity, &Inventory)>()
            .iter()
            .filter(|(_, inventory)| inventory.0.len() > 1)
            .map(|(entity, _)| entity)
            .collect();
        for entity in rich.iter().take(2) {
            let item = world.get::<&mut Inventory>(*entity)?.0.pop();
            let name = world.get::<&Name>(*entity)?.0.to_uppercase();
            commands.spawn((Name(format!("{name} sold {item:?}")), Position(tick as f32, 1.0)));
        }
        Ok(rich.len())
    });
    vec![moving, fading, trading]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: entities TICKS")?.parse()?;
    let mut world = World::new();
    let mut commands = CommandBuffer::new();
    let mut entities = Vec::new();
    for number in 0..count * 4 {
        step((1 << 32) + number);
        entities.push(spawn(&mut world, number));
    }
    let systems = systems();
    let mut done = 0;
    let mut errors = Vec::new();
    for tick in 0..count {
        for system in &systems {
            step(tick);
            done += system(&mut world, &mut commands, tick)?;
            step(tick);
            commands.run_on(&mut world);
        }
        step(tick);
        if let Err(error) = world.despawn(entities[tick as usize * 7 % entities.len()]) {
            errors.push(error.to_string());
        }
        step(tick);
        errors.extend(world.get::<&Health>(entities[0]).err().map(|error| error.to_string()));
    }
    step(2 << 32);
    let names: Vec<String> = world
        .query::<(&Name, Option<&Trail>)>()
        .iter()
        .map(|(name, trail)| format!("{}{}", name.0, trail.map_or(0, |trail| trail.0.len())))
        .collect();
    step(3 << 32);
    println!("{done}, {} letters, {} errors", names.concat().len(), errors.len());
    Ok(())
}
