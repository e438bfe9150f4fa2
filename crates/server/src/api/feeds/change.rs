//! Add and change.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use patchwharf_db::feeds;
use patchwharf_model::api::{Code, Feed, FeedConfig, FeedCreate, FeedPatch, FeedSource};

use super::{check, read, view};
use crate::{
    access::Principal,
    api::{
        ApiError, ApiResult, Shared,
        extract::{self, Path},
    },
};

/// Adds a feed. Nothing is imported yet, unless a schedule says so.
#[utoipa::path(post, path = "/feeds", tag = "feeds", request_body = FeedCreate, responses((status = 201, body = Feed)))]
pub(super) async fn create(
    State(app): Shared,
    who: Principal,
    extract::Json(wish): extract::Json<FeedCreate>,
) -> ApiResult<Response> {
    check::name("feed", &wish.name)?;
    check::schedule(wish.schedule_minutes)?;
    let kind = wish.source.kind().to_owned();
    check::is_there(&wish.source).await?;
    let config = FeedConfig { source: wish.source, rules: wish.rules, auto_stage: wish.auto_stage, ca: wish.ca };
    let config = checked(config)?;
    let new = feeds::NewFeed {
        name: wish.name,
        kind,
        config,
        accept_sha1: wish.accept_sha1,
        schedule_minutes: wish.schedule_minutes,
    };
    let mut write = who.write(&app).await?;
    let id =
        feeds::create(&mut write, &new).await.map_err(|error| ApiError::from(error).refused_as(Code::NameTaken))?;
    write.commit().await?;
    tracing::info!(feed.id = %id, feed.name = %new.name, "feed added");
    let feed = read::detail(&app, &id.to_string()).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v1/feeds/{id}"))], Json(feed)).into_response())
}

/// Changes a feed. New rules take effect at the next import.
#[utoipa::path(patch, path = "/feeds/{feed}", tag = "feeds", params(("feed" = String, Path)), request_body = FeedPatch,
    responses((status = 200, body = Feed)))]
pub(super) async fn patch(
    State(app): Shared,
    who: Principal,
    Path(name): Path<String>,
    extract::Json(wish): extract::Json<FeedPatch>,
) -> ApiResult<Json<Feed>> {
    let row = feeds::show(&app.db, &name).await?;
    if let Some(new) = &wish.name {
        check::name("feed", new)?;
    }
    check::schedule(wish.schedule_minutes.flatten())?;
    let before = view::config(&row)?;
    let mut config = before.clone();
    if let Some(mut source) = wish.source {
        if source.kind() != row.kind {
            return Err(ApiError::new(
                Code::InvalidBody,
                format!("Feed {} is of kind {}; add another feed for another kind.", row.name, row.kind),
            ));
        }
        keep_keyring(&mut source, &before.source);
        if source != before.source {
            check::is_there(&source).await?;
        }
        config.source = source;
    }
    config.rules = wish.rules.unwrap_or(config.rules);
    config.auto_stage = wish.auto_stage.unwrap_or(config.auto_stage);
    config.ca = wish.ca.unwrap_or(config.ca);
    let change = feeds::FeedChange {
        name: wish.name,
        config: (config != before).then(|| checked(config)).transpose()?,
        accept_sha1: wish.accept_sha1,
        schedule_minutes: wish.schedule_minutes,
    };
    let mut write = who.write(&app).await?;
    feeds::update(&mut write, row.feed_id, &change)
        .await
        .map_err(|error| ApiError::from(error).refused_as(Code::NameTaken))?;
    write.commit().await?;
    Ok(Json(read::detail(&app, &row.feed_id.to_string()).await?))
}

/// A source that comes back without its keyring, as answers show it, keeps the one it has.
fn keep_keyring(new: &mut FeedSource, old: &FeedSource) {
    if let (FeedSource::Apt(new), FeedSource::Apt(old)) = (new, old)
        && new.keyring.is_empty()
    {
        new.keyring.clone_from(&old.keyring);
    }
}

fn checked(config: FeedConfig) -> ApiResult<String> {
    check::source(&config.source)?;
    check::authorities(&config)?;
    check::rules(&config.rules)?;
    config.auto_stage.iter().try_for_each(check::rules)?;
    serde_json::to_string(&config).map_err(ApiError::internal)
}
