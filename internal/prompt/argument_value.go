package prompt

import (
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// valueProblem says why value is not of the type, or nothing.
func (t Type) valueProblem(value string) string {
	switch {
	case t == Integer && !isInteger(value):
		return fmt.Sprintf("%q is not an Integer; write a whole number, such as 5", excerpt.Truncate(value, 80))
	case t == Number && !isNumber(value):
		return fmt.Sprintf("%q is not a Number; write one as JSON does, such as 0.5 or 1e6", excerpt.Truncate(value, 80))
	case t == Boolean && value != "true" && value != "false":
		return fmt.Sprintf("%q is not a Boolean; write true or false", excerpt.Truncate(value, 80))
	default:
		return ""
	}
}

// isTruthy says whether a section over a value of the type is rendered.
func (t Type) isTruthy(value string) bool {
	if t == Boolean {
		return value == "true"
	}
	return value != ""
}

// isInteger accepts -?[0-9]+.
func isInteger(s string) bool {
	return isDigits(strings.TrimPrefix(s, "-"))
}

// isNumber accepts a number as JSON writes it: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent := s[i+1:]
		if exponent != "" && (exponent[0] == '-' || exponent[0] == '+') {
			exponent = exponent[1:]
		}
		if !isDigits(exponent) {
			return false
		}
		s = s[:i]
	}
	whole, fraction, fractional := strings.Cut(s, ".")
	if fractional && !isDigits(fraction) {
		return false
	}
	return isDigits(whole) && (whole == "0" || whole[0] != '0')
}

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func notOneOf(value string, allowed []string) string {
	return fmt.Sprintf("%q is not one of %s", excerpt.Truncate(value, 80), excerpt.Truncate(strings.Join(allowed, ", "), 400))
}
