package servicedesk

// requestWriteTools returns the tools that write requests, beside their notes, worklogs and links.
func (s *Service) requestWriteTools() []offered {
	return nil
}
