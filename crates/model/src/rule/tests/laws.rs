//! The laws of three-valued logic, and that rules survive being written down.

use proptest::prelude::*;

use super::super::*;

const VERDICTS: [Verdict; 3] = [Verdict::True, Verdict::False, Verdict::Unknown];

/// A computer on which query `t` gives rows, `f` gives none and everything else is unknown.
struct Queries;

impl Facts for Queries {
    fn wmi(&self, query: &WmiQuery) -> Verdict {
        match query.query.as_str() {
            "t" => Verdict::True,
            "f" => Verdict::False,
            _ => Verdict::Unknown,
        }
    }
}

fn leaf(verdict: Verdict) -> Rule {
    let query = match verdict {
        Verdict::True => "t",
        Verdict::False => "f",
        Verdict::Unknown => "u",
    };
    Rule::WmiQuery(WmiQuery { namespace: None, query: query.to_owned() })
}

fn rules() -> impl Strategy<Value = Rule> {
    let name = "[a-z{}\\\\]{0,12}";
    let leaves = prop_oneof![
        Just(Rule::True),
        Just(Rule::False),
        Just(Rule::InstalledOnce),
        Just(Rule::Metadata { asks: MetadataRule::MsiPatchInstallable }),
        proptest::sample::select(&VERDICTS[..]).prop_map(leaf),
        (any::<Option<u32>>(), any::<Option<u16>>()).prop_map(|(major, product_type)| Rule::WindowsVersion(
            WindowsVersion { comparison: Comparison::LessThan, major, product_type, ..WindowsVersion::default() }
        )),
        (name, any::<Option<[u16; 4]>>(), any::<bool>()).prop_map(|(product, min, exclude_min)| {
            let min = min.map(|parts| Version(parts.map(u32::from)));
            Rule::MsiProductInstalled(MsiProductInstalled {
                product,
                range: VersionRange { min, exclude_min, ..VersionRange::default() },
            })
        }),
        (name, any::<i64>()).prop_map(|(path, second)| Rule::FileCreated(FileCreated {
            file: FileAddress { base: FileBase::Csidl(37), path },
            comparison: Comparison::GreaterThan,
            created: crate::Timestamp::from_second(second % 253_402_207_200).unwrap_or_default(),
        })),
        (name, name).prop_map(|(name, text)| Rule::Unrecognised(Markup {
            namespace: "urn:x".to_owned(),
            name,
            text,
            ..Markup::default()
        })),
    ];
    leaves.prop_recursive(6, 48, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|rules| Rule::And { rules }),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|rules| Rule::Or { rules }),
            inner.clone().prop_map(|inner| Rule::Not { inner: Box::new(inner) }),
            inner.prop_map(|inner| Rule::RegKeyLoop(RegistryLoop {
                key: RegistryKey { hive: Hive::LocalMachine, subkey: "a".to_owned(), view32: true },
                true_if: LoopLogic::All,
                inner: Box::new(inner),
            })),
        ]
    })
}

#[test]
fn verdicts_combine_by_kleenes_laws() {
    for a in VERDICTS {
        assert_eq!(!!a, a);
        assert_eq!(a.and(a), a);
        assert_eq!(a.and(Verdict::True), a);
        assert_eq!(a.and(Verdict::False), Verdict::False);
        assert_eq!(a.or(Verdict::False), a);
        assert_eq!(a.or(Verdict::True), Verdict::True);
        for b in VERDICTS {
            assert_eq!(a.and(b), b.and(a));
            assert_eq!(a.or(b), b.or(a));
            assert_eq!(!a.and(b), (!a).or(!b));
            for c in VERDICTS {
                assert_eq!(a.and(b).and(c), a.and(b.and(c)));
                assert_eq!(a.and(b.or(c)), a.and(b).or(a.and(c)));
                assert_eq!(Verdict::all([a, b, c]), a.and(b).and(c));
                assert_eq!(Verdict::any([a, b, c]), a.or(b).or(c));
            }
        }
    }
    assert_eq!(Verdict::Unknown.or(!Verdict::Unknown), Verdict::Unknown, "not a law: a or not a");
}

proptest! {
    #[test]
    fn de_morgan_holds_for_rules(rules in proptest::collection::vec(rules(), 0..4)) {
        let not = |rule: Rule| Rule::Not { inner: Box::new(rule) };
        let left = not(Rule::And { rules: rules.clone() });
        let right = Rule::Or { rules: rules.into_iter().map(not).collect() };
        prop_assert_eq!(left.evaluate(&Queries), right.evaluate(&Queries));
    }

    #[test]
    fn order_does_not_matter(mut rules in proptest::collection::vec(rules(), 0..5)) {
        let forward = [Rule::And { rules: rules.clone() }, Rule::Or { rules: rules.clone() }];
        rules.reverse();
        let backward = [Rule::And { rules: rules.clone() }, Rule::Or { rules }];
        for (a, b) in forward.iter().zip(&backward) {
            prop_assert_eq!(a.evaluate(&Queries), b.evaluate(&Queries));
        }
    }

    /// Learning more never turns a verdict round: what was true or false without a fact stays so with it.
    #[test]
    fn more_facts_only_settle_what_was_unknown(rule in rules()) {
        struct Nothing;
        impl Facts for Nothing {}
        let before = rule.evaluate(&Nothing);
        if before != Verdict::Unknown {
            prop_assert_eq!(rule.evaluate(&Queries), before);
        }
    }

    #[test]
    fn rules_survive_json(rule in rules()) {
        let text = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), rule);
    }
}

fn nested(levels: usize) -> Rule {
    (1..levels).fold(Rule::True, |inner, level| {
        if level % 2 == 0 { Rule::Not { inner: Box::new(inner) } } else { Rule::And { rules: vec![inner] } }
    })
}

#[test]
fn v_13_rules_nested_too_deep_are_refused_in_json_and_unknown_in_memory() {
    assert_eq!(nested(MAX_DEPTH).depth(), MAX_DEPTH);
    assert_ne!(nested(MAX_DEPTH).evaluate(&Queries), Verdict::Unknown);
    assert_eq!(nested(MAX_DEPTH + 1).evaluate(&Queries), Verdict::Unknown);

    let text = serde_json::to_string(&nested(59)).unwrap();
    assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), nested(59), "as deep as the SDP reader lets through");

    let deep = r#"{"rule":"and","rules":["#.repeat(200_000);
    assert!(serde_json::from_str::<Rule>(&deep).is_err());
}
