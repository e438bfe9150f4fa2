//! An open session is not enough to change who may do what.

use patchwharf_model::api::{Account, Me, Page, Token};
use patchwharf_testkit::Server;
use reqwest::Method;
use serde_json::json;

use super::{Browser, PASSWORD, account, change, first_administrator};
use crate::world::BINARY;

const OLDER: &str = "UPDATE session SET created_at = created_at - 301 * 1000000";

#[tokio::test]
async fn w_08_who_may_do_what_is_changed_with_the_password_at_hand() {
    let server = Server::start(BINARY).await;
    let mut anna = first_administrator(&server).await;
    let mut otto = account(&server, "otto", "operator").await;
    change(&server, OLDER).await;
    let changes = [
        (Method::POST, "/api/v1/accounts", json!({ "name": "eve", "role": "administrator" })),
        (Method::POST, "/api/v1/accounts/otto/link", json!({})),
        (Method::POST, "/api/v1/accounts/otto/sign-out", json!({})),
        (Method::PATCH, "/api/v1/accounts/otto", json!({ "role": "administrator" })),
        (Method::PATCH, "/api/v1/accounts/otto", json!({ "enabled": false })),
        (Method::DELETE, "/api/v1/accounts/otto", json!({})),
        (Method::POST, "/api/v1/tokens", json!({ "name": "script" })),
    ];
    for (method, path, body) in &changes {
        let refused = anna.call(method.clone(), path, Some(body)).await.problem();
        assert_eq!((refused.status, refused.code.as_str()), (403, "password-needed"), "{method} {path}");
    }
    let accounts: Page<Account> = anna.call(Method::GET, "/api/v1/accounts", None).await.ok();
    assert_eq!(accounts.items.len(), 2, "nothing was changed");
    assert_eq!(otto.call(Method::GET, "/api/v1/session", None).await.status, 200);
    // Work goes on without it.
    let setting = json!({ "value": "2h" });
    let set = anna.call(Method::PUT, "/api/v1/settings/integrity.light-every", Some(&setting)).await;
    assert_eq!(set.status, 200);

    let wrong =
        anna.call(Method::POST, "/api/v1/session/confirm", Some(&json!({ "password": "wrong" }))).await.problem();
    assert_eq!(wrong.code, "sign-in-failed");
    let (method, path, body) = &changes[1];
    assert_eq!(anna.call(method.clone(), path, Some(body)).await.status, 403);
    let right = json!({ "password": PASSWORD });
    let mut thief = anna.copy();
    let session = anna.call(Method::GET, "/api/v1/session", None).await.ok::<Me>().session;
    assert_eq!(anna.call(Method::POST, "/api/v1/session/confirm", Some(&right)).await.status, 204);
    assert_eq!(anna.call(Method::GET, "/api/v1/session", None).await.ok::<Me>().session, session);
    let refused = thief.call(method.clone(), path, Some(body)).await;
    assert_eq!(refused.status, 401, "a copied cookie has nothing of the password that its owner gave");
    // Pages of the same browser that were sent to the sign-in come back.
    let door = "/console/sign-in?back=%2Fconsole%2Fjobs";
    let form = "<form id=\"sign-in\"";
    assert!(thief.call(Method::GET, door, None).await.text().contains(form));
    let back = anna.call(Method::GET, door, None).await;
    assert!(back.status == 200 && back.text().contains("Jobs") && !back.text().contains(form), "{}", back.text());
    for (method, path, body) in &changes {
        let answer = anna.call(method.clone(), path, Some(body)).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
    }
    let tokens: Page<Token> = anna.call(Method::GET, "/api/v1/tokens", None).await.ok();
    assert_eq!(tokens.items.len(), 1);
    let mut second = Browser::new(&server);
    assert_eq!(second.sign_in("anna", PASSWORD).await.status, 200);
    change(&server, OLDER).await;
    let refused = second.call(Method::POST, "/api/v1/accounts/eve/link", Some(&json!({}))).await.problem();
    assert_eq!(refused.code, "password-needed", "one session's password is not another's");
}
