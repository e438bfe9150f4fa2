//! Accounts, sessions, tokens, links.

use std::time::Duration;

use patchwharf_db::accounts::{
    self, links,
    sessions::{self, Lasts},
    tokens, views,
};
use patchwharf_model::{AccountId, Role, Sha256};

use crate::sandbox::{Sandbox, at};

crate::on_both!(
    an_account_is_made_once_and_found_by_name_or_id,
    the_last_administrator_stays_one,
    a_session_ends_when_it_is_idle_too_old_or_its_account_changes,
    a_token_counts_until_it_expires_is_taken_back_or_its_account_is_disabled,
    a_link_works_once_and_not_for_ever,
    the_link_of_a_first_start_is_over_when_there_is_an_administrator,
    an_account_is_signed_out_with_everything_that_lets_it_in,
    a_password_ends_all_sessions_and_a_session_gets_another_secret,
    a_known_browser_is_remembered_but_not_all_of_them,
    a_saved_view_is_its_accounts_alone_and_goes_with_it,
);

const LASTS: Lasts = Lasts { idle: Duration::from_secs(60), whole: Duration::from_secs(600) };

fn digest(n: u8) -> Sha256 {
    Sha256([n; 32])
}

async fn account(s: &Sandbox, name: &str, role: Role) -> AccountId {
    let mut w = s.write(1).await;
    let id = accounts::create(&mut w, name, role).await.unwrap();
    accounts::set_password(&mut w, id, "$hash$").await.unwrap();
    w.commit().await.unwrap();
    id
}

async fn session(s: &Sandbox, account: AccountId, n: u8, second: i64) {
    let mut w = s.write(second).await;
    sessions::begin(&mut w, account, digest(n), LASTS, ("192.0.2.1", "browser")).await.unwrap();
    w.commit().await.unwrap();
}

async fn goes_on(s: &Sandbox, n: u8, second: i64) -> bool {
    sessions::find(&s.db, digest(n), LASTS, at(second)).await.unwrap().is_some()
}

async fn an_account_is_made_once_and_found_by_name_or_id(s: &Sandbox) {
    assert!(!accounts::any_administrator(&s.db).await.unwrap());
    let id = account(s, "anna", Role::Administrator).await;
    assert!(accounts::any_administrator(&s.db).await.unwrap());
    let mut w = s.write(2).await;
    assert!(accounts::create(&mut w, "anna", Role::Auditor).await.is_err());
    drop(w);
    for name in ["ANNA".to_owned(), id.to_string()] {
        let found = accounts::show(&s.db, &name, at(2)).await.unwrap();
        assert_eq!(
            (found.account_id, found.role, found.has_password, found.sessions),
            (id, Role::Administrator, true, 0)
        );
    }
    assert!(accounts::show(&s.db, "otto", at(2)).await.is_err());
    let found = accounts::credentials(&s.db, "anna").await.unwrap().unwrap();
    assert_eq!((found.account_id, found.password.as_str()), (id, "$hash$"));
    assert!(accounts::credentials(&s.db, "otto").await.unwrap().is_none());
    let page = patchwharf_db::audit::list(&s.db, Default::default(), None, 10).await.unwrap();
    assert!(page.rows.iter().any(|row| row.action == "account.create"));
    assert!(!page.rows.iter().any(|row| format!("{row:?}").contains("$hash$")), "no hash on the trail");
}

async fn the_last_administrator_stays_one(s: &Sandbox) {
    let anna = account(s, "anna", Role::Administrator).await;
    let otto = account(s, "otto", Role::Operator).await;
    let mut w = s.write(2).await;
    assert!(accounts::set_role(&mut w, anna, Role::Auditor).await.is_err());
    drop(w);
    let mut w = s.write(2).await;
    assert!(accounts::set_enabled(&mut w, anna, false).await.is_err());
    drop(w);
    let mut w = s.write(2).await;
    assert!(accounts::remove(&mut w, anna).await.is_err());
    drop(w);
    assert!(accounts::show(&s.db, "anna", at(3)).await.unwrap().enabled, "what was refused left nothing");
    let mut w = s.write(3).await;
    accounts::set_role(&mut w, otto, Role::Administrator).await.unwrap();
    accounts::remove(&mut w, anna).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(accounts::list(&s.db, at(4)).await.unwrap().len(), 1);
    // One who has no password yet can let nobody in, and is no loss.
    let mut w = s.write(5).await;
    let eve = accounts::create(&mut w, "eve", Role::Administrator).await.unwrap();
    w.commit().await.unwrap();
    let mut w = s.write(6).await;
    let refused = accounts::remove(&mut w, otto).await.unwrap_err().to_string();
    assert!(refused.contains("otto is the last administrator who can sign in"), "{refused}");
    drop(w);
    let mut w = s.write(7).await;
    accounts::remove(&mut w, eve).await.unwrap();
    w.commit().await.unwrap();
}

async fn the_link_of_a_first_start_is_over_when_there_is_an_administrator(s: &Sandbox) {
    let mut w = s.write(10).await;
    links::make(&mut w, None, digest(1), at(100)).await.unwrap();
    let anna = accounts::create(&mut w, "anna", Role::Administrator).await.unwrap();
    w.commit().await.unwrap();
    assert!(links::look(&s.db, digest(1), at(11)).await.unwrap().is_some(), "anna has no password");
    let mut w = s.write(11).await;
    accounts::set_password(&mut w, anna, "$hash$").await.unwrap();
    // As if it had been made at the same moment.
    links::make(&mut w, None, digest(2), at(100)).await.unwrap();
    w.commit().await.unwrap();
    let mut w = s.write(12).await;
    for n in [1, 2] {
        assert!(links::look(&s.db, digest(n), at(12)).await.unwrap().is_none());
        assert_eq!(links::take(&mut w, digest(n)).await.unwrap(), None, "{n}");
    }
}

async fn an_account_is_signed_out_with_everything_that_lets_it_in(s: &Sandbox) {
    let anna = account(s, "anna", Role::Operator).await;
    let otto = account(s, "otto", Role::Operator).await;
    for (n, id) in [(1, anna), (2, anna), (3, otto)] {
        session(s, id, n, 10).await;
        let mut w = s.write(10).await;
        tokens::create(&mut w, id, "script", Role::Auditor, digest(10 + n), at(100)).await.unwrap();
        sessions::remember(&mut w, id, digest(20 + n)).await.unwrap();
        links::make(&mut w, Some(id), digest(30 + n), at(100)).await.unwrap();
        w.commit().await.unwrap();
    }
    let mut w = s.write(11).await;
    assert_eq!(accounts::sign_out(&mut w, anna).await.unwrap(), (2, 2));
    w.commit().await.unwrap();
    for n in [1, 2] {
        assert!(!goes_on(s, n, 12).await);
        assert!(tokens::find(&s.db, digest(10 + n), at(12)).await.unwrap().is_none());
        assert!(!sessions::knows(&s.db, anna, digest(20 + n)).await.unwrap());
        assert!(links::look(&s.db, digest(30 + n), at(12)).await.unwrap().is_none());
    }
    assert!(goes_on(s, 3, 12).await && tokens::find(&s.db, digest(13), at(12)).await.unwrap().is_some());
    let page = patchwharf_db::audit::list(&s.db, Default::default(), None, 10).await.unwrap();
    let row = page.rows.iter().find(|row| row.action == "account.sign-out").unwrap();
    assert_eq!(row.after.as_deref(), Some("anna"), "the trail says who");
}

async fn a_session_ends_when_it_is_idle_too_old_or_its_account_changes(s: &Sandbox) {
    account(s, "root", Role::Administrator).await;
    let anna = account(s, "anna", Role::Operator).await;
    session(s, anna, 1, 10).await;
    let found = sessions::find(&s.db, digest(1), LASTS, at(60)).await.unwrap().unwrap();
    assert_eq!((found.account_id, found.name.as_str(), found.role), (anna, "anna", Role::Operator));
    assert!(!goes_on(s, 1, 71).await, "idle");
    assert!(!goes_on(s, 2, 11).await, "another secret");
    for second in (20..=600).step_by(50) {
        let mut w = s.write(second).await;
        sessions::touch(&mut w, found.session_id).await.unwrap();
        w.commit().await.unwrap();
    }
    assert!(goes_on(s, 1, 605).await && !goes_on(s, 1, 612).await, "however busy, it ends");
    session(s, anna, 3, 700).await;
    assert_eq!(sessions::list(&s.db, anna, LASTS, at(701)).await.unwrap().len(), 1, "what is over has gone");
    for change in 0..2 {
        session(s, anna, 4 + change, 710).await;
        let mut w = s.write(711).await;
        match change {
            0 => accounts::set_role(&mut w, anna, Role::Auditor).await.unwrap(),
            _ => accounts::set_enabled(&mut w, anna, false).await.unwrap(),
        }
        w.commit().await.unwrap();
        assert!(!goes_on(s, 4 + change, 711).await);
    }
}

async fn a_token_counts_until_it_expires_is_taken_back_or_its_account_is_disabled(s: &Sandbox) {
    account(s, "root", Role::Administrator).await;
    let anna = account(s, "anna", Role::Operator).await;
    let mut w = s.write(10).await;
    let id = tokens::create(&mut w, anna, "script", Role::Auditor, digest(1), at(100)).await.unwrap();
    tokens::create(&mut w, anna, "other", Role::Operator, digest(2), at(100)).await.unwrap();
    w.commit().await.unwrap();
    let found = tokens::find(&s.db, digest(1), at(99)).await.unwrap().unwrap();
    assert_eq!((found.role, found.account_role, found.name.as_str()), (Role::Auditor, Role::Operator, "anna"));
    assert!(tokens::find(&s.db, digest(1), at(100)).await.unwrap().is_none(), "expired");
    let mut w = s.write(11).await;
    assert!(!tokens::revoke(&mut w, Some(AccountId::new()), id).await.unwrap(), "another's");
    assert!(tokens::revoke(&mut w, Some(anna), id).await.unwrap());
    w.commit().await.unwrap();
    assert!(tokens::find(&s.db, digest(1), at(12)).await.unwrap().is_none());
    assert_eq!(tokens::list(&s.db, anna, at(12)).await.unwrap().len(), 1);
    let mut w = s.write(13).await;
    accounts::set_enabled(&mut w, anna, false).await.unwrap();
    w.commit().await.unwrap();
    assert!(tokens::find(&s.db, digest(2), at(13)).await.unwrap().is_none());
}

async fn a_link_works_once_and_not_for_ever(s: &Sandbox) {
    let anna = account(s, "anna", Role::Operator).await;
    let mut w = s.write(10).await;
    links::make(&mut w, None, digest(1), at(100)).await.unwrap();
    links::make(&mut w, Some(anna), digest(2), at(100)).await.unwrap();
    links::make(&mut w, Some(anna), digest(3), at(100)).await.unwrap();
    w.commit().await.unwrap();
    assert!(links::look(&s.db, digest(2), at(11)).await.unwrap().is_none(), "a newer one took its place");
    assert_eq!(links::look(&s.db, digest(1), at(11)).await.unwrap().unwrap().name, None);
    assert_eq!(links::look(&s.db, digest(3), at(11)).await.unwrap().unwrap().name.as_deref(), Some("anna"));
    assert!(links::look(&s.db, digest(3), at(100)).await.unwrap().is_none());
    let mut w = s.write(20).await;
    assert_eq!(links::take(&mut w, digest(3)).await.unwrap(), Some(Some(anna)));
    assert_eq!(links::take(&mut w, digest(3)).await.unwrap(), None);
    w.commit().await.unwrap();
    let mut w = s.write(200).await;
    assert_eq!(links::take(&mut w, digest(1)).await.unwrap(), None, "its time is over");
}

async fn a_password_ends_all_sessions_and_a_session_gets_another_secret(s: &Sandbox) {
    let anna = account(s, "anna", Role::Administrator).await;
    session(s, anna, 1, 10).await;
    session(s, anna, 2, 10).await;
    let one = sessions::find(&s.db, digest(1), LASTS, at(11)).await.unwrap().unwrap().session_id;
    let mut w = s.write(11).await;
    assert!(!sessions::renew(&mut w, one, digest(2), digest(3)).await.unwrap(), "that is another one's secret");
    assert!(sessions::renew(&mut w, one, digest(1), digest(3)).await.unwrap());
    w.commit().await.unwrap();
    assert!(!goes_on(s, 1, 12).await && goes_on(s, 3, 12).await && goes_on(s, 2, 12).await);
    let mut w = s.write(12).await;
    accounts::set_password(&mut w, anna, "$other$").await.unwrap();
    w.commit().await.unwrap();
    assert!(!goes_on(s, 3, 13).await && !goes_on(s, 2, 13).await);
}

async fn a_known_browser_is_remembered_but_not_all_of_them(s: &Sandbox) {
    let anna = account(s, "anna", Role::Administrator).await;
    for n in 0..12 {
        let mut w = s.write(10 + i64::from(n)).await;
        sessions::remember(&mut w, anna, digest(n)).await.unwrap();
        w.commit().await.unwrap();
    }
    assert!(!sessions::knows(&s.db, anna, digest(0)).await.unwrap());
    assert!(sessions::knows(&s.db, anna, digest(11)).await.unwrap());
    assert!(!sessions::knows(&s.db, AccountId::new(), digest(11)).await.unwrap());
}

async fn a_saved_view_is_its_accounts_alone_and_goes_with_it(s: &Sandbox) {
    let (anna, otto) = (account(s, "anna", Role::Administrator).await, account(s, "otto", Role::Auditor).await);
    let mut w = s.write(2).await;
    views::save(&mut w, anna, "bulletins", "mine", "state=damaged", 2).await.unwrap();
    views::save(&mut w, anna, "bulletins", "mine", "state=enabled", 2).await.unwrap();
    views::save(&mut w, anna, "packages", "mine", "weak=true", 2).await.unwrap();
    assert!(views::save(&mut w, anna, "packages", "more", "", 2).await.is_err(), "so many and no more");
    views::save(&mut w, otto, "bulletins", "mine", "text=x", 2).await.unwrap();
    w.commit().await.unwrap();
    let of = async |id| -> Vec<String> {
        views::list(&s.db, id).await.unwrap().into_iter().map(|view| format!("{} {}", view.place, view.query)).collect()
    };
    assert_eq!(of(anna).await, ["bulletins state=enabled", "packages weak=true"]);
    let mut w = s.write(3).await;
    assert!(views::forget(&mut w, anna, "packages", "mine").await.unwrap());
    assert!(!views::forget(&mut w, anna, "packages", "mine").await.unwrap());
    accounts::remove(&mut w, otto).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!((of(anna).await.len(), of(otto).await.len()), (1, 0));
}
