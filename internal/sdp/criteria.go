package sdp

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Operator compares a field with values.
type Operator string

// The operators of search_criteria.
const (
	Is             Operator = "is"
	IsNot          Operator = "is not"
	GreaterThan    Operator = "greater than"
	GreaterOrEqual Operator = "greater or equal"
	LesserThan     Operator = "lesser than"
	LesserOrEqual  Operator = "lesser or equal"
	Between        Operator = "between"
	NotBetween     Operator = "not between"
	Contains       Operator = "contains"
	NotContains    Operator = "not contains"
	StartsWith     Operator = "starts with"
	EndsWith       Operator = "ends with"
)

var operators = map[Operator]bool{
	Is: true, IsNot: true, GreaterThan: true, GreaterOrEqual: true, LesserThan: true, LesserOrEqual: true,
	Between: true, NotBetween: true, Contains: true, NotContains: true, StartsWith: true, EndsWith: true,
}

// Criteria selects records. The zero value selects all. Criteria are a conjunction of clauses, each a disjunction of conditions:
// every list that SDP gets has that shape, which means the same however a site weighs AND against OR.
type Criteria struct {
	clauses [][]condition
	err     error
}

type condition struct {
	field    string
	operator Operator
	values   []any
}

// maxConditions bounds what a list is asked by: a URL carries it.
const maxConditions = 100

var criteriaField = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+){0,3}$`)

// IsEmpty selects records in which a field is null.
func IsEmpty(field string) Criteria { return Where(field, Is, emptyValue{}) }

// IsNotEmpty selects records in which a field is not null.
func IsNotEmpty(field string) Criteria { return Where(field, IsNot, emptyValue{}) }

// emptyValue stands for no value; Where refuses none, since a list of values that ran out is no wish for empty fields.
type emptyValue struct{}

// Where is a condition on a field, which may be dotted ("status.name"). Several values of Is mean one of them. Values are
// strings, booleans, whole numbers, time.Time and Ref.
func Where(field string, operator Operator, values ...any) Criteria {
	c := condition{field: field, operator: operator}
	switch {
	case len(field) > 100 || !criteriaField.MatchString(field):
		return Criteria{err: errors.New("a field of a condition is a name, or names with dots")}
	case !operators[operator]:
		return Criteria{err: fmt.Errorf("field %s: there is no such operator", field)}
	case (operator == Between || operator == NotBetween) && len(values) != 2:
		return Criteria{err: fmt.Errorf("field %s: %s takes two values", field, operator)}
	case len(values) == 0:
		return Criteria{err: fmt.Errorf("field %s: %s takes a value", field, operator)}
	}
	for _, value := range values {
		switch v := value.(type) {
		case emptyValue:
			continue
		case time.Time:
			value = strconv.FormatInt(v.UnixMilli(), 10)
		case string, bool, int, int64, Ref:
		default:
			return Criteria{err: fmt.Errorf("field %s: no condition has a value of type %T", field, v)}
		}
		c.values = append(c.values, value)
	}
	return Criteria{clauses: [][]condition{{c}}}
}

// All selects what every one of them selects. A ceiling is kept so: All(ceiling, what a caller asks for), of which the second
// cannot widen the first, whatever is in it.
func All(each ...Criteria) Criteria {
	var all Criteria
	for _, c := range each {
		all.clauses = append(all.clauses, c.clauses...)
		all.err = errors.Join(all.err, c.err)
	}
	return all.bounded()
}

// Any selects what at least one of them selects; without any, or with one that selects all, it selects all.
func Any(each ...Criteria) Criteria {
	var result Criteria
	for i, c := range each {
		if c.err != nil || i == 0 {
			result.err = errors.Join(result.err, c.err)
		}
		if i == 0 {
			result.clauses = c.clauses
			continue
		}
		// (a AND b) OR (c AND d) is (a OR c) AND (a OR d) AND (b OR c) AND (b OR d).
		var product [][]condition
		for _, left := range result.clauses {
			for _, right := range c.clauses {
				product = append(product, slices.Concat(left, right))
			}
		}
		result.clauses = product
		if result = result.bounded(); result.err != nil {
			return Criteria{err: result.err}
		}
	}
	return result
}

func (c Criteria) bounded() Criteria {
	n := 0
	for _, clause := range c.clauses {
		n += len(clause)
	}
	if n > maxConditions {
		return Criteria{err: errors.Join(c.err, fmt.Errorf("there are more than %d conditions", maxConditions))}
	}
	return c
}

// IsZero reports whether it selects all.
func (c Criteria) IsZero() bool { return len(c.clauses) == 0 && c.err == nil }

// criterion is an element of search_criteria as SDP reads it. Its operator joins it to what stands before it, so the first has none;
// children are a group with it.
type criterion struct {
	Field           string      `json:"field"`
	Condition       Operator    `json:"condition"`
	Value           any         `json:"value,omitempty"`
	Values          []any       `json:"values,omitzero"`
	LogicalOperator string      `json:"logical_operator,omitempty"`
	Children        []criterion `json:"children,omitempty"`
}

// encode returns search_criteria with fields under the edition's names: one condition alone is an object, since some sites refuse
// an array of one.
func (c Criteria) encode(rename func(string) string) (json.RawMessage, error) {
	if c.err != nil || len(c.clauses) == 0 {
		return nil, c.err
	}
	list := make([]criterion, len(c.clauses))
	for i, clause := range c.clauses {
		list[i] = clause[0].criterion(rename, "")
		if i > 0 {
			list[i].LogicalOperator = "AND"
		}
		for _, alternative := range clause[1:] {
			list[i].Children = append(list[i].Children, alternative.criterion(rename, "OR"))
		}
	}
	if len(list) == 1 && len(list[0].Children) == 0 {
		return json.Marshal(list[0])
	}
	return json.Marshal(list)
}

func (c condition) criterion(rename func(string) string, logical string) criterion {
	encoded := criterion{Field: rename(c.field), Condition: c.operator, LogicalOperator: logical}
	if len(c.values) == 1 {
		encoded.Value = c.values[0]
	} else {
		encoded.Values = make([]any, len(c.values)) // not nil: an empty list asks for an empty field
		copy(encoded.Values, c.values)
	}
	return encoded
}
