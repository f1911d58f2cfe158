package sdptest

// addTrashRoutes registers how records of a table are deleted: in the cloud DELETE moves to the trash;
// on-premises that is an action, and a second DELETE purges.
func addTrashRoutes(d *dialect, table string) {
	one := "/" + table + "/{}"
	trash := func(c *call) (*answer, error) { return c.moveToTrash(table) }
	purge := func(c *call) (*answer, error) { return c.purge(table) }
	if d.cloud() {
		d.routes.add("DELETE "+one, func(c *call) (*answer, error) {
			if c.server.options.Guesses.DeleteTypeTaken && c.query.Get("delete_type") == "permanent" {
				c.query.Del("delete_type")
				return c.purge(table)
			}
			return c.moveToTrash(table)
		})
	} else {
		d.routes.add("DELETE "+one+"/move_to_trash", trash)
		d.routes.add("DELETE "+one, purge)
	}
	for _, name := range d.actionSpellings("restore_from_trash") {
		d.routes.add("PUT "+one+"/"+name, func(c *call) (*answer, error) { return c.restore(table) })
	}
}

func (c *call) moveToTrash(table string) (*answer, error) {
	parents, err := c.ancestors([]string{table})
	if err != nil {
		return nil, err
	}
	if err := c.checkParameters(); err != nil {
		return nil, err
	}
	r := parents[0]
	r.trashed = true
	r.fields["is_trashed"], r.fields["deleted_time"] = true, c.now
	return succeedWithText("Moved to trash"), nil
}

func (c *call) purge(table string) (*answer, error) {
	r := c.server.table(table).byID[c.ids[0]]
	switch {
	case r == nil:
		return nil, refuseNotFound()
	case !r.trashed:
		return nil, refuse(message{code: codeNotInTrash, text: "Not in trash"})
	}
	c.server.table(table).remove(r.id)
	return succeedWithText("Deleted"), nil
}

// restore takes no body.
func (c *call) restore(table string) (*answer, error) {
	r := c.server.table(table).byID[c.ids[0]]
	if r == nil {
		return nil, refuseNotFound()
	}
	if err := c.noInput(); err != nil {
		return nil, err
	}
	if !r.trashed {
		return nil, refuse(message{code: codeNotInTrash, text: "Not in trash"})
	}
	r.trashed = false
	r.fields["is_trashed"], r.fields["deleted_time"] = false, nil
	return succeedWithText("Restored"), nil
}
