// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/settings"
)

func TestEnvTemplates(t *testing.T) {
	t.Parallel()
	c := load(t, login+`
exec {
  command = ["app"]
}
env_template "A" {
  contents = "y"
}
env_template B {
  source               = "/b.tpl"
  error_on_missing_key = true
}
`, config.Overrides{})
	want := []config.EnvTemplate{
		{Name: "A", Text: config.Text{TemplateText: settings.TemplateText{Contents: "y"}, ErrorFatal: true}},
		{Name: "B", Text: config.Text{TemplateText: settings.TemplateText{Source: "/b.tpl", ErrorOnMissingKey: true}, ErrorFatal: true}},
	}
	if diff := cmp.Diff(want, c.EnvTemplates, noPos); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
