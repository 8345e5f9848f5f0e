//! What was looked up before.

use crate::support::*;
use alloc_probe_cli::symbolicate::cache::Cache;
use alloc_probe_cli::symbolicate::options::Options;

#[test]
fn a_second_look_needs_no_binary() {
    let program = Program::optimised();
    let addresses = own_addresses(&program.binary);
    let dump = dump_of(&program.binary, &addresses);
    let folder = program.path("cache");
    let cached = || Options { cache: Some(Cache::new(folder.clone(), 1 << 30)), ..Options::default() };
    // Half of the addresses, then all of them: the file grows.
    let half = dump_of(&program.binary, &addresses[..addresses.len() / 2]);
    all_frames(half.clone(), &cached());
    let expected = all_frames(dump.clone(), &cached());
    std::fs::remove_file(&program.binary).unwrap();
    assert_same(&expected, &all_frames(dump.clone(), &cached()), &addresses);
    assert_same(&expected[..addresses.len() / 2].to_vec(), &all_frames(half, &cached()), &addresses);
    // Without it, nothing is known; neither is by a damaged file.
    assert_eq!(frames(dump.clone(), &Options::default()).1.missing.len(), 1);
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    for damaged in [text.replace("\"release\":\"", "\"release\":\"0."), text[..text.len() / 2].to_owned()] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(frames(dump.clone(), &cached()).1.missing.len(), 1);
    }
}

#[test]
fn what_is_poor_is_not_kept() {
    let program = Program::optimised();
    let dump = program.dump();
    let folder = program.path("cache");
    let options = Options { cache: Some(Cache::new(folder.clone(), 1 << 30)), ..Options::default() };
    program.strip();
    assert_eq!(frames(dump, &options).1.missing.len(), 1);
    assert!(!folder.exists(), "a better file may come");
}

#[test]
fn the_least_used_go_first() {
    let program = Program::optimised();
    let dump = program.dump();
    let folder = program.path("cache");
    std::fs::create_dir(&folder).unwrap();
    let old = |name: &str, age: u64| {
        let path = folder.join(name);
        std::fs::write(&path, vec![b' '; 1000]).unwrap();
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    };
    old("aa.json", 100);
    old("bb.json", 200);
    old("cc.json", 300);
    all_frames(
        dump.clone(),
        &Options { cache: Some(Cache::new(folder.clone(), 1 << 30)), ..Options::default() },
    );
    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| name.len() == "aa.json".len());
        names.sort();
        names
    };
    assert_eq!(names(), ["aa.json", "bb.json", "cc.json"]);
    // Room for this build and one more of these.
    let own = folder.join(format!("{}.json", build_id(&program.binary)));
    let room = std::fs::metadata(&own).unwrap().len() + 1999;
    std::fs::remove_file(own).unwrap();
    all_frames(dump, &Options { cache: Some(Cache::new(folder.clone(), room)), ..Options::default() });
    assert_eq!(names(), ["aa.json"]);
}

#[test]
fn the_users_folder_is_where_the_system_has_such_folders() {
    let of = |set: &[(&str, &str)]| {
        let variable =
            |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).into());
        Cache::of_user(variable).map(|cache| format!("{cache:?}"))
    };
    assert!(of(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]).unwrap().contains("\"/c/alloc-probe/symbols\""));
    assert!(
        of(&[("XDG_CACHE_HOME", "c"), ("HOME", "/h")]).unwrap().contains("\"/h/.cache/alloc-probe/symbols\"")
    );
    assert_eq!(of(&[]), None);
}
