package sdptest

import "slices"

// entities describes every kind of record in a dialect's names.
func (s *Server) entities(d *dialect) []*entity {
	return slices.Concat(requestEntities(), peopleEntities(), lookupEntities(), solutionEntities())
}

// addRoutes registers every path of a dialect; literal segments before ids.
func (s *Server) addRoutes(d *dialect) {
	addRequestRoutes(d)
	addNoteRoutes(d)
	addConversationRoutes(d)
	addPeopleRoutes(d)
	addSolutionRoutes(d)
	addLookupRoutes(d)
}
