package sdp

// Asset is a thing that the desk looks after.
type Asset struct {
	ID, Name, Tag, SerialNumber string
	Product                     Ref
	ProductType                 Ref
	State                       Ref
	User                        Ref
	Department                  Ref
	Site                        Ref
	Location                    string
	Vendor                      Ref
	AcquisitionDate             Time
	WarrantyExpiry              Time
	UDF                         Raw
	Raw                         Raw
}

var assetRecord = &recordType[Asset]{
	name: "asset", root: "asset", roots: []string{"asset"}, lists: []string{"assets"}, decode: decodeAsset,
}

func decodeAsset(r Raw) Asset {
	a := Asset{
		ID: r.Text("id"), Name: r.Text("name"), Tag: r.Text("asset_tag"), SerialNumber: r.Text("serial_number", "org_serial_number"),
		Product: r.Ref("product"), ProductType: r.Ref("product_type"), State: r.Ref("asset_state", "state"), User: r.Ref("user"),
		Department: r.Ref("department"), Site: r.Ref("site"), Location: r.Ref("location").Name, Vendor: r.Ref("vendor"),
		AcquisitionDate: r.Time("acquisition_date"), WarrantyExpiry: r.Time("warranty_expiry"), UDF: r.Object("udf_fields"), Raw: r,
	}
	return a
}

// Assets returns the assets. On premises deletion is for good.
func (c *Client) Assets() Collection[Asset] { return newCollection(c, assetRecord, pathOf("assets")) }

var workstationRecord = &recordType[Asset]{
	name: "workstation", root: "workstation", roots: []string{"workstation", "asset_workstation", "asset_computer"},
	lists: []string{"workstations", "asset_workstations", "asset_computers"}, decode: decodeAsset,
}

// Workstations returns the computers among the assets.
func (c *Client) Workstations() Reader[Asset] {
	segments := c.config.Edition.workstationsSegments()
	workstations := newReader(c, workstationRecord, pathOf(segments[0]))
	for _, other := range segments[1:] {
		workstations.others = append(workstations.others, pathOf(other))
	}
	return workstations
}
