// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

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
		s.Published.Origin = e.Generation.Origin
		return s.onDisk()
	}
	s.Content, s.Rendered = e.Content, e.Generation
	return s
}

// onDisk notes that readers see what was rendered last. If the check has passed on
// that, nothing that it vetoed is wanted any more.
func (s State) onDisk() State {
	if s.Published.Check == Passed {
		s = s.accepted()
	}
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
