package sdptest

// assetEntities describes assets.
func assetEntities() []*entity {
	return []*entity{{
		table: "assets", mandatory: []string{"name", "product"}, saved: stampChange,
		fields: joinFields(
			textFields("name").atMost(250), textFields("asset_tag", "serial_number", "org_serial_number", "barcode"),
			referenceTo("products", "product"), referenceTo("product_types", "product_type"), referenceTo("asset_states", "asset_state"),
			referenceTo("users", "user"), referenceTo("departments", "department"), referenceTo("sites", "site"),
			referenceTo("locations", "location"), referenceTo("vendors", "vendor"),
			timeFields("acquisition_date", "warranty_expiry"), numberFields("purchase_cost"), freeFields("udf_fields"),
			timeFields("created_time", "last_updated_time").readOnly(),
		),
		defaults: func(c *call, r *row) {
			r.fields["created_time"] = c.now
			r.fields["asset_state"] = reference{"asset_states", c.server.named("asset_states", "In Store").id}
		},
		check: func(c *call, _, after *row, input Record) error {
			given, _ := input["product"].(Record)
			if !c.dialect.cloud() && given != nil && given["id"] == nil {
				return refuseMissing("product")
			}
			if product, is := after.fields["product"].(reference); is && after.fields["product_type"] == nil {
				after.fields["product_type"] = c.server.follow(product).fields["product_type"]
			}
			return nil
		},
	}}
}

// addAssetRoutes registers assets, and those of a type under paths of their own. A deletion is final.
func addAssetRoutes(d *dialect) {
	d.resource(resource{path: "/assets", table: "assets", verbs: allVerbs})
	computers := func(c *call, _ []*row, r *row) bool {
		kind, _ := r.fields["product_type"].(reference)
		found := c.server.follow(kind)
		return found != nil && found.fields.text("name") == "Computer"
	}
	anywhere := func(*call, []*row, *row) {}
	paths := []string{"workstations"}
	if d.cloud() {
		paths = []string{"asset_computers", "asset_workstations"}
	}
	for _, path := range paths {
		d.resource(resource{path: "/" + path, table: "assets", verbs: "list get", one: singularOf(path), many: path, within: computers, place: anywhere})
	}
}
