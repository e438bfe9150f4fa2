//! Switches, and new content that waits for the administrator.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use patchwharf_db::{
    policies::{self, Policy},
    updates as rows,
};
use patchwharf_model::{
    BulletinId, PolicyId, UpdateId,
    api::{BulletinChoice, Code, PolicyUpdates, SwitchesChanged, SwitchesSet},
};

use crate::{
    access::Principal,
    api::{
        self, ApiError, ApiResult, Shared,
        extract::{self, Path},
    },
    app::App,
};

/// Bulletins or updates that are asked for at once.
const AT_ONCE: usize = 1_000;
/// More at once are summed up in the log.
const LOGGED_ONE_BY_ONE: usize = 100;

/// Turns switches of a policy on or off. Updates that are turned on and that it does not hold yet are added.
#[utoipa::path(post, path = "/policies/{policy}/switches", tag = "policies", params(("policy" = String, Path)),
    request_body = SwitchesSet, responses((status = 200, body = SwitchesChanged)))]
pub(super) async fn set(
    State(app): Shared,
    who: Principal,
    Path(policy): Path<String>,
    extract::Json(wish): extract::Json<SwitchesSet>,
) -> ApiResult<Json<SwitchesChanged>> {
    let Policy { policy_id: id, name, .. } = policies::show(&app.db, &policy).await?;
    let chosen = updates(&app, wish.of).await?;
    let ids = chosen.as_ref().map(|meant| meant.updates.as_slice());
    let mut write = who.write(&app).await?;
    let added = match ids {
        Some(updates) if wish.enabled => policies::add_updates(&mut write, id, updates).await?,
        _ => 0,
    };
    let changed = added + policies::set_switches(&mut write, id, ids, wish.enabled).await?;
    write.commit().await?;
    if changed > 0 {
        let turned = if wish.enabled { "on" } else { "off" };
        note(id, chosen.iter().flat_map(|meant| &meant.bulletins), &format!("switched {turned} in policy {name}"));
    }
    Ok(Json(SwitchesChanged { changed }))
}

/// Takes updates out of a policy: named ones, or all that bulletins have or had. Their packages stay.
#[utoipa::path(post, path = "/policies/{policy}/remove", tag = "policies", params(("policy" = String, Path)),
    request_body = PolicyUpdates, responses((status = 200, body = SwitchesChanged)))]
pub(super) async fn remove(
    State(app): Shared,
    who: Principal,
    Path(policy): Path<String>,
    extract::Json(wish): extract::Json<PolicyUpdates>,
) -> ApiResult<Json<SwitchesChanged>> {
    let Policy { policy_id: id, name, .. } = policies::show(&app.db, &policy).await?;
    if wish.is_empty() {
        let detail = "Name the updates or bulletins to be taken out; a policy as a whole is deleted, or disabled.";
        return Err(ApiError::new(Code::NothingSelected, detail));
    }
    // Superseded and withdrawn ones too: what a policy holds, it must be able to let go.
    let Meant { updates: mut chosen, bulletins: concerned } = named(&app, &wish.updates).await?;
    let bulletins = bulletins(&app, &wish).await?;
    for some in bulletins.chunks(AT_ONCE) {
        chosen.extend(rows::by_bulletins(&app.db, some).await?.into_iter().map(|update| update.update_id));
    }
    let concerned = once([concerned, bulletins]);
    let mut write = who.write(&app).await?;
    let changed = policies::remove_updates(&mut write, id, &chosen).await?;
    write.commit().await?;
    if changed > 0 {
        tracing::info!(policy.id = %id, policy.name = %name, changed, "updates taken out of the policy");
        note(id, &concerned, &format!("taken out of policy {name}"));
    }
    Ok(Json(SwitchesChanged { changed }))
}

/// Accepts new content that waits: the switches point at the new packages. Nothing named: all that wait.
#[utoipa::path(post, path = "/policies/{policy}/accept", tag = "policies", params(("policy" = String, Path)),
    request_body = PolicyUpdates, responses((status = 200, body = SwitchesChanged)))]
pub(super) async fn accept(
    State(app): Shared,
    who: Principal,
    Path(policy): Path<String>,
    extract::Json(wish): extract::Json<PolicyUpdates>,
) -> ApiResult<Json<SwitchesChanged>> {
    let id = policies::show(&app.db, &policy).await?.policy_id;
    let chosen = updates(&app, wish).await?;
    let mut write = who.write(&app).await?;
    let ids = chosen.as_ref().map(|meant| meant.updates.as_slice());
    let changed = policies::accept(&mut write, id, ids).await?;
    write.commit().await?;
    tracing::info!(policy.id = %id, changed, "policy follows the new packages");
    Ok(Json(SwitchesChanged { changed }))
}

/// Updates that a request means, and the bulletins that they are of.
pub(super) struct Meant {
    pub(super) updates: Vec<UpdateId>,
    pub(super) bulletins: Vec<BulletinId>,
}

/// The updates that are meant: named ones, and the live ones of bulletins. None: nothing was named.
pub(super) async fn updates(app: &App, wish: PolicyUpdates) -> ApiResult<Option<Meant>> {
    if wish.is_empty() {
        return Ok(None);
    }
    let Meant { updates: mut ids, bulletins: concerned } = named(app, &wish.updates).await?;
    let bulletins = bulletins(app, &wish).await?;
    for some in bulletins.chunks(AT_ONCE) {
        let live = rows::by_bulletins(&app.db, some).await?.into_iter().filter(rows::Update::is_in_scope);
        ids.extend(live.map(|update| update.update_id));
    }
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        let detail = "These bulletins have no live updates: all are superseded, withdrawn or without files.";
        return Err(ApiError::new(Code::NothingSelected, detail));
    }
    Ok(Some(Meant { updates: ids, bulletins: once([concerned, bulletins]) }))
}

/// Updates that are named one by one, by key or id.
async fn named(app: &App, names: &[String]) -> ApiResult<Meant> {
    let updates = rows::resolve(&app.db, names).await?;
    let mut bulletins = Vec::new();
    for some in updates.chunks(AT_ONCE) {
        bulletins.extend(rows::by_ids(&app.db, some).await?.into_iter().map(|update| update.bulletin_id));
    }
    Ok(Meant { updates, bulletins })
}

/// Each of them once.
fn once(bulletins: [Vec<BulletinId>; 2]) -> Vec<BulletinId> {
    BTreeSet::from_iter(bulletins.into_iter().flatten()).into_iter().collect()
}

/// Says in the log what became of bulletins in a policy: it stands in the history of each.
pub(super) fn note<'a>(policy: PolicyId, bulletins: impl IntoIterator<Item = &'a BulletinId>, what: &str) {
    let mut more = 0_u64;
    for (at, bulletin) in bulletins.into_iter().enumerate() {
        match at < LOGGED_ONE_BY_ONE {
            true => tracing::info!(policy.id = %policy, bulletin.id = %bulletin, "{what}"),
            false => more += 1,
        }
    }
    if more > 0 {
        tracing::info!(policy.id = %policy, more, "more bulletins {what}");
    }
}

/// The bulletins that are meant, as the other actions on bulletins understand them; none: only updates are named.
async fn bulletins(app: &App, wish: &PolicyUpdates) -> ApiResult<Vec<BulletinId>> {
    let choice =
        BulletinChoice { bulletins: wish.bulletins.clone(), filter: wish.filter.clone(), confirm: wish.confirm };
    if choice == BulletinChoice::default() {
        return Ok(Vec::new());
    }
    api::bulletins::chosen(app, choice).await
}
