// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import "time"

type (
	// Rendered reports that all members were rendered and that the outcome is good.
	Rendered struct {
		Generation Generation
		// Content compares the generation with the disk.
		Content Content
	}

	// RenderIncomplete reports that something is missing that was not known to be
	// needed before.
	RenderIncomplete struct{}

	// RenderFailed reports that a member could not be rendered, or that the outcome
	// is not good.
	RenderFailed struct{ Failure }
)

func (e Rendered) after(s State) State {
	s.HasRendered = true
	s.Failures.Render = 0
	s.Stale, s.Quiet = false, Quiet{}
	if e.Content == Same {
		return s.unchanged(e.Generation.Origin)
	}
	s.Content, s.Rendered = e.Content, e.Generation
	if s.Rejected != "" && e.Generation.Digest != s.Rejected {
		s.Retry.Publish = time.Time{} // another one than the check has vetoed
	}
	return s
}

// unchanged ends a rendering that changed nothing. If the check has passed on what
// readers see, nothing that it vetoed is wanted any more.
func (s State) unchanged(origin Origin) State {
	s.Published.Origin = origin
	if s.Published.Check == Passed {
		s.Rejected, s.Vetoes = "", 0
	}
	return s.onDisk()
}

// onDisk notes that readers see what was rendered last.
func (s State) onDisk() State {
	s.Content, s.Rendered = Same, Generation{}
	return s.progressed()
}

func (RenderIncomplete) after(s State) State {
	s.Content, s.Rendered = Unknown, Generation{}
	s.Failures.Render = 0
	return s
}

func (e RenderFailed) after(s State) State {
	s.Content, s.Rendered = Unknown, Generation{}
	s.Failures.Render++
	s.Retry.Render = e.retry(localBackoff, s.Failures.Render)
	return s
}
