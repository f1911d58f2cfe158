package sdptest

import "slices"

// entities describes every kind of record.
func (s *Server) entities() []*entity {
	return slices.Concat(
		requestEntities(), taskEntities(), []*entity{worklogEntity(s), attachmentEntity()}, approvalEntities(), associationEntities(),
		projectEntities(), problemEntities(), changeEntities(), assetEntities(), solutionEntities(), peopleEntities(), lookupEntities(),
	)
}

// addRoutes registers every path of a dialect; literal segments before ids.
func (s *Server) addRoutes(d *dialect) {
	addRequestRoutes(d)
	addNoteRoutes(d)
	addConversationRoutes(d)
	d.resource(resource{path: "/requests/{}/worklogs", table: "worklogs", parents: []string{"requests"}, verbs: allVerbs})
	addTaskRoutes(d, "requests")
	addAttachmentRoutes(d, "/requests/{}", []string{"requests"})
	addAttachmentRoutes(d, "/requests/{}/notes/{}", []string{"requests", "notes"})
	addApprovalRoutes(d, "requests")
	addAssociationRoutes(d)
	d.resource(resource{path: "/tasks", table: "tasks", verbs: allVerbs})
	addAttachmentRoutes(d, "/tasks/{}", []string{"tasks"})
	addProjectRoutes(d)
	addProblemRoutes(d)
	addChangeRoutes(d)
	addAssetRoutes(d)
	addPeopleRoutes(d)
	addSolutionRoutes(d)
	addLookupRoutes(d)
}
