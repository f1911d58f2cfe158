package servicedesk

// projectTools returns the tools on projects, their milestones and tasks, and on the tasks of requests.
func (s *Service) projectTools() []offered {
	return nil
}
