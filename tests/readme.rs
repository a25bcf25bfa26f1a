//! The documents say what the code does: tables, commands, keys, policy and links are held to it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where a document isn't as it should be"
)]

#[path = "support/markdown.rs"]
mod markdown;

use cwmem::alarms::place::{Place, any_host};
use cwmem::alarms::recipe::plan;
use cwmem::cloudwatch::statement;
use cwmem::config;
use cwmem::exit::Exit;
use cwmem::health::Cause;
use cwmem::metric::{DEFAULT, NATIVE};
use cwmem::preset::PRESETS;
use cwmem::slow::{CATALOGUE, Signal};
use markdown::Document;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

const README: &str = "README.md";
const DOCUMENTS: [&str; 9] = [
    README,
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/cluster-scale.md",
    "docs/footprint.md",
    "packaging/aws/README.md",
    "packaging/chef/README.md",
    "packaging/chef/documentation/RESOURCES.md",
];

fn documents() -> impl Iterator<Item = Document> {
    DOCUMENTS.iter().map(|path| Document::read(path))
}

#[test]
fn the_table_of_metrics_is_the_catalogue() {
    let shown = Document::read(README).table("Metric | Unit | Formula | Default | Sparse");
    let catalogue: Vec<Vec<String>> = NATIVE
        .iter()
        .map(|metric| {
            let default = if DEFAULT.contains(&&*metric.name) { "on" } else { "off" };
            let sparse = if metric.sparse { "yes" } else { "" };
            let words = format!("`{}`", metric.words);
            [&*metric.name, metric.unit.as_str(), &words, default, sparse].map(str::to_owned).into()
        })
        .collect();
    assert_eq!(shown, catalogue);
}

#[test]
fn the_table_of_scopes_is_the_catalogue() {
    let shown =
        Document::read(README).table("Metric | Unit | Formula | Dimension | Default | Sparse");
    let rows = Signal::ALL.into_iter().zip(&CATALOGUE).map(|(signal, metric)| {
        let on = Signal::CGROUP_DEFAULT.contains(&signal) || Signal::PROCESS.contains(&signal);
        let sparse = if metric.sparse { "yes" } else { "" };
        let words = format!("`{}`", metric.words);
        let dimension = signal.dimension().unwrap();
        let default = if on { "on" } else { "off" };
        [&*metric.name, metric.unit.as_str(), &words, dimension, default, sparse]
            .map(str::to_owned)
            .into()
    });
    assert_eq!(shown, rows.collect::<Vec<Vec<String>>>());
}

#[test]
fn the_table_of_presets_is_the_code_s() {
    let shown =
        Document::read(README).table("Preset | Namespace | Without a choice | On EC2 | Elsewhere");
    let presets = PRESETS.iter().map(|preset| {
        let defaults: Vec<&str> = preset.defaults().map(|row| row.name).collect();
        let sets = preset
            .sets()
            .map(|sets| sets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        let [on_ec2, elsewhere] = sets;
        let name = format!("`{}`", preset.name);
        vec![name, preset.namespace.to_owned(), defaults.join(", "), on_ec2, elsewhere]
    });
    assert_eq!(shown, presets.collect::<Vec<_>>());
}

#[test]
fn every_metric_of_a_preset_stands_in_the_configuration() {
    let shipped = fs::read_to_string("config/cwmem.toml").unwrap();
    let words: BTreeSet<&str> = shipped.split([' ', ',', ';', '"', '\n', '(', ')']).collect();
    for row in PRESETS.iter().flat_map(|preset| preset.rows) {
        let sentence_end = format!("{}.", row.name);
        assert!(words.contains(row.name) || words.contains(&*sentence_end), "{}", row.name);
    }
}

#[test]
fn the_table_of_exit_codes_is_the_code_s() {
    let shown: Vec<(String, String)> = Document::read(README)
        .table("Exit code | Meaning")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].split(':').next().unwrap().to_owned()))
        .collect();
    let source = fs::read_to_string("src/exit.rs").unwrap();
    let arms = source.lines().filter_map(|line| line.trim().strip_prefix("Exit::"));
    let known: Vec<(String, String)> = arms
        .filter_map(|arm| arm.trim_end_matches(',').split_once(" => "))
        .map(|(name, code)| (code.to_owned(), name.to_owned()))
        .collect();
    assert_eq!(shown, known);
    assert_eq!(known.last().unwrap().0, Exit::Config.code().to_string());
}

#[test]
fn the_table_of_alarms_is_the_code_s() {
    let table = "Alarm | For | Metric and statistic | Threshold | Datapoints | Missing data";
    let shown = Document::read(README).table(table);
    let cluster = "[cluster]\nname = \"web\"\ndatabase = \"mysql://cwmem@db/cwmem\"\n";
    let config = config::parse_str("README.md", cluster).unwrap();
    let host = any_host(&config, true);
    let plan = plan(&config, Place::Template(&host));
    assert_eq!(shown.len(), plan.alarms.len());
    for row in shown {
        let name = row[0].trim_matches('`');
        let planned = plan.alarms.iter().find(|planned| planned.recipe.as_str() == name);
        let alarm = &planned.unwrap_or_else(|| panic!("{name} is no alarm")).alarm;
        let (sign, count) = (alarm.comparison.sign(), alarm.datapoints_to_alarm);
        let code = [
            format!("{}, {}", alarm.metric, alarm.statistic.words()),
            format!("{sign} {}", alarm.threshold),
            format!("{count} of {}", alarm.evaluation_periods),
            alarm.missing_data.as_str().to_owned(),
        ];
        assert_eq!(row[2..], code, "{name}");
    }
}

#[test]
fn every_command_line_exists() {
    let mut help = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for document in documents() {
        for line in document.commands("cwmem") {
            let words: Vec<&str> = line.split_whitespace().collect();
            let command = words.first().filter(|word| !word.starts_with('-')).copied();
            seen.extend(command.map(str::to_owned));
            // A command of commands says their flags by theirs.
            let path: Vec<&str> = match (command, words.get(1)) {
                (Some("cluster"), Some(action)) => vec!["cluster", action],
                _ => command.into_iter().collect(),
            };
            let help = help.entry(path.join(" ")).or_insert_with(|| help_of(&path));
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let known = help.split_whitespace().any(|word| word == *flag);
                assert!(known, "{}: cwmem {line}: no {flag}", document.path);
            }
        }
    }
    let all = help_of(&[]);
    let (_, list) = all.split_once("Commands:\n").unwrap();
    let list = list.lines().take_while(|line| !line.is_empty());
    let list = list.filter_map(|line| line.split_whitespace().next());
    let list: BTreeSet<String> = list.filter(|name| *name != "help").map(str::to_owned).collect();
    assert_eq!(seen, list, "the documents show every subcommand");
}

fn help_of(command: &[&str]) -> String {
    let binary = Command::new(env!("CARGO_BIN_EXE_cwmem")).args(command).arg("--help").output();
    let output = binary.unwrap();
    assert!(output.status.success(), "there is no cwmem {command:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_make_target_exists() {
    let makefile = fs::read_to_string("Makefile").unwrap();
    for document in documents() {
        for line in document.commands("make") {
            let target = line.split_whitespace().next().unwrap();
            let known = makefile.lines().any(|rule| rule.starts_with(&format!("{target}:")));
            assert!(known, "{}: make {target}", document.path);
        }
    }
}

/// `section.key`, as the shipped configuration lists them.
fn keys() -> BTreeSet<String> {
    let shipped = fs::read_to_string("config/cwmem.toml").unwrap();
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in shipped.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.split(']').next().unwrap().to_owned();
        } else if let Some((key, _)) = line.trim_start_matches(['#', ' ']).split_once(" = ")
            && (line.starts_with("## ") || !line.starts_with("# "))
        {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

#[test]
fn every_key_exists() {
    let keys = keys();
    assert!(keys.len() > 30 && keys.contains("publish.every"), "{keys:?}");
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    for document in documents() {
        for code in document.inline_code() {
            let name = code.split(" = ").next().unwrap();
            let Some((section, key)) = name.split_once('.') else { continue };
            let is_file = ["rs", "toml", "service", "md", "d"].contains(&key);
            if word(section) && word(key) && !is_file {
                assert!(keys.contains(name), "{}: {name} is no key", document.path);
            }
        }
    }
}

#[test]
fn the_table_of_sections_is_the_configuration_s() {
    let shown: Vec<String> = Document::read(README)
        .table("Section | About")
        .into_iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    let shipped = fs::read_to_string("config/cwmem.toml").unwrap();
    let sections: Vec<&str> = shipped.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(shown, sections);
}

#[test]
fn every_configuration_shown_is_one() {
    for document in documents() {
        for text in document.blocks("toml") {
            if let Err(problems) = config::parse_str(&document.path, &text) {
                panic!("{problems}\n{text}");
            }
        }
    }
}

#[test]
fn the_policy_is_the_statement_that_the_agent_asks_for() {
    let blocks = Document::read(README).blocks("json");
    let policy = blocks.iter().find(|block| block.contains("\"Statement\"")).unwrap();
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    let statement: serde_json::Value = serde_json::from_str(&statement("EC2/Memory")).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    assert_eq!(policy["Statement"], serde_json::Value::from(vec![statement]));
}

#[test]
fn the_datum_shown_covers_its_period() {
    let blocks = Document::read(README).blocks("json");
    let datum = blocks.iter().find(|block| block.contains("\"MetricName\"")).unwrap();
    let datum: serde_json::Value = serde_json::from_str(datum).unwrap();
    let counts = datum["Counts"].as_array().unwrap();
    assert_eq!(counts.len(), datum["Values"].as_array().unwrap().len());
    assert_eq!(counts.iter().filter_map(serde_json::Value::as_u64).sum::<u64>(), 600);
}

#[test]
fn every_cause_of_loss_is_named() {
    let code: BTreeSet<String> = Document::read(README).inline_code().into_iter().collect();
    for cause in Cause::ALL {
        assert!(code.contains(cause.as_str()), "{cause:?}");
    }
}

/// "4 × $0.30", "43,800: $0.44" and "**$1.64**", to the cent.
#[test]
fn the_costs_add_up() {
    let rows = Document::read(README).table(" | Metrics | Requests | A host and month");
    assert!(rows.len() > 3);
    let number = |text: &str| -> f64 {
        let digits = |character: &char| character.is_ascii_digit() || *character == '.';
        text.chars().filter(digits).collect::<String>().parse().unwrap()
    };
    for row in rows {
        let (count, price) = row[1].split_once('×').unwrap();
        let (requests, shown) = row[2].split_once(':').unwrap();
        let cost = number(requests) / 1_000.0 * 0.01;
        assert!((cost - number(shown)).abs() <= 0.005, "{row:?}: {cost}");
        let total = number(count) * number(price) + cost;
        assert!((total - number(&row[3])).abs() <= 0.005, "{row:?}: {total}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        let folder = Path::new(&document.path).parent().unwrap();
        for link in document.links() {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if file.is_empty() { Path::new(&document.path).into() } else { folder.join(file) };
            assert!(target.exists(), "{}: {link}", document.path);
            if !anchor.is_empty() {
                let anchors = Document::read(target.to_str().unwrap()).anchors();
                assert!(anchors.contains(anchor), "{}: {link} among {anchors:?}", document.path);
            }
        }
    }
}

/// As seen from the top or from src.
#[test]
fn every_file_named_exists() {
    let is_path = |code: &str| code.contains('/') && code.ends_with(".rs") || code.ends_with('/');
    for document in documents() {
        for code in document.inline_code() {
            if is_path(&code) && !code.starts_with('/') && !code.contains(['*', ' ']) {
                let found = Path::new(&code).exists() || Path::new("src").join(&code).exists();
                assert!(found || code == "target/", "{}: {code}", document.path);
            }
        }
    }
}

#[test]
fn the_code_map_is_the_library_s() {
    let map: Vec<String> = Document::read("ARCHITECTURE.md")
        .table("Module | What is in it")
        .into_iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    let library = fs::read_to_string("src/lib.rs").unwrap();
    let modules =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    assert_eq!(map, modules.collect::<Vec<_>>());
}

#[test]
fn every_fuzz_target_is_named() {
    let code: BTreeSet<String> =
        Document::read("CONTRIBUTING.md").inline_code().into_iter().collect();
    for entry in fs::read_dir("fuzz/fuzz_targets").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(code.contains(name), "{name}");
    }
}
