//! Which packages a request is for, and who needs them.

use std::collections::BTreeSet;

use patchwharf_db::{bulletins, packages};
use patchwharf_model::{
    PackageId,
    api::{Code, PackageChoice, PolicyReference, Refers},
    job::Selection,
};

use crate::{
    api::{ApiError, ApiResult},
    app::App,
    operations::selection::packages_of,
};

/// The packages that a choice means, as a job takes them.
pub(in crate::api) async fn selection(app: &App, choice: PackageChoice) -> ApiResult<Selection> {
    match (choice.packages.is_empty(), choice.bulletins.is_empty(), choice.all) {
        (false, true, false) => Ok(Selection::Packages(packages::resolve(&app.db, &choice.packages).await?)),
        (true, false, false) => Ok(Selection::Bulletins(bulletins::resolve(&app.db, &choice.bulletins).await?)),
        (true, true, true) => Ok(Selection::All),
        _ => Err(ApiError::new(Code::NothingSelected, "Give exactly one of `packages`, `bulletins` and `all`.")),
    }
}

/// The packages themselves, for a deletion.
pub(super) async fn named(app: &App, choice: PackageChoice) -> ApiResult<Vec<PackageId>> {
    let chosen = packages_of(&app.db, &selection(app, choice).await?).await?;
    if chosen.is_empty() {
        return Err(ApiError::new(Code::NothingSelected, "There are no packages of what was named."));
    }
    Ok(chosen)
}

/// Refuses when a policy needs one of the packages, and says which.
pub(in crate::api) async fn needed(app: &App, chosen: &[PackageId]) -> ApiResult<()> {
    let needed = packages::needed_by(&app.db, chosen).await?;
    if needed.is_empty() {
        return Ok(());
    }
    let policies: BTreeSet<_> =
        needed.iter().map(|row| PolicyReference { id: row.policy_id, name: row.policy.clone() }).collect();
    let of: BTreeSet<_> = needed.iter().map(|row| row.package_id).collect();
    let names: Vec<_> = policies.iter().map(|policy| policy.name.as_str()).collect();
    let detail = format!(
        "{} needed by {}. Take them out of the policies, or delete them although they \
         are needed: the switches stay on and show \"package missing\".",
        match of.len() {
            1 => "1 of the packages is".to_owned(),
            n => format!("{n} of the packages are"),
        },
        match names.as_slice() {
            [one] => format!("the policy {one}"),
            more => format!("the policies {}", more.join(", ")),
        }
    );
    let refers = Refers {
        policies: policies.into_iter().collect(),
        packages: of.into_iter().collect(),
        updates: needed.iter().map(|row| row.update_id).collect::<BTreeSet<_>>().into_iter().collect(),
        ..Refers::default()
    };
    Err(ApiError::new(Code::StillNeeded, detail).with_refers(refers))
}
