package v1alpha1

// RequestDefaults are values, by their names in ServiceDesk Plus, that requests of agents have unless the agent gives others.
//
// +kubebuilder:validation:XValidation:rule="!has(self.subcategory) || has(self.category)",message="a default subcategory needs a default category",fieldPath=".subcategory"
// +kubebuilder:validation:XValidation:rule="!has(self.item) || has(self.subcategory)",message="a default item needs a default subcategory",fieldPath=".item"
type RequestDefaults struct {
	// template is the request template.
	// +optional
	Template LookupName `json:"template,omitempty"`
	// requestType is such as Incident.
	// +optional
	RequestType LookupName `json:"requestType,omitempty"`
	// mode is the way a request comes in, such as Web Form.
	// +optional
	Mode LookupName `json:"mode,omitempty"`
	// level is such as Tier 1.
	// +optional
	Level LookupName `json:"level,omitempty"`
	// site is where the request is from.
	// +optional
	Site LookupName `json:"site,omitempty"`
	// group is who gets the request.
	// +optional
	Group LookupName `json:"group,omitempty"`
	// category of the request.
	// +optional
	Category LookupName `json:"category,omitempty"`
	// subcategory within the category.
	// +optional
	Subcategory LookupName `json:"subcategory,omitempty"`
	// item within the subcategory.
	// +optional
	Item LookupName `json:"item,omitempty"`
	// priority of the request.
	// +optional
	Priority LookupName `json:"priority,omitempty"`
	// urgency of the request.
	// +optional
	Urgency LookupName `json:"urgency,omitempty"`
	// impact of the request.
	// +optional
	Impact LookupName `json:"impact,omitempty"`
}

// LookupName is a name that a list of ServiceDesk Plus has.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=250
type LookupName string
