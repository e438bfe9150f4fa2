-- The page of packages in a state counts them without their rows: most of them are the packages of their updates.
DROP INDEX package_state;
CREATE INDEX package_state ON package (state, package_id, active);
