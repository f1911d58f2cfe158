package edit

import "go.yaml.in/yaml/v3"

// losesComment says whether a comment of the one document is not in the other.
func losesComment(before, after []byte) bool {
	left := countComments(after)
	for comment, times := range countComments(before) {
		if left[comment] < times {
			return true
		}
	}
	return false
}

// countComments counts those of a document that can be read.
func countComments(text []byte) map[string]int {
	found := map[string]int{}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, comment := range []string{n.HeadComment, n.LineComment, n.FootComment} {
			if comment != "" {
				found[comment]++
			}
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	var root yaml.Node
	if yaml.Unmarshal(text, &root) == nil {
		walk(&root)
	}
	return found
}
