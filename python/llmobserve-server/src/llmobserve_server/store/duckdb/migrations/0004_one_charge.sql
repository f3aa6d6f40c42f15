-- Several records may tell of one provider call. is_exchange: made by an SDK from what went over the wire, as all were
-- before; borrowed: names of the columns that a charged record has from the others.
ALTER TABLE events ADD COLUMN is_exchange BOOLEAN DEFAULT true;
ALTER TABLE events ADD COLUMN borrowed JSON;
