package main

import (
	"context"
	"errors"
	"flag"
	"os"

	log "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/command/agent/config"
	"github.com/hashicorp/vault/command/agent/template"
	"github.com/hashicorp/vault/command/agentproxyshared/auth"
	"github.com/hashicorp/vault/command/agentproxyshared/auth/kubernetes"
	"github.com/hashicorp/vault/command/agentproxyshared/sink"
	"github.com/oklog/run"
)

// agent signs in and writes the templates' files, as `vault agent` puts the same parts together.
func agent(arguments []string) error {
	flags := flag.NewFlagSet("agent", flag.ExitOnError)
	path := flags.String("config", "", "the configuration")
	once := flags.Bool("exit-after-auth", false, "end when everything is written")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	settings, err := config.LoadConfigFile(*path)
	if err != nil {
		return err
	}
	if settings.AutoAuth == nil || settings.AutoAuth.Method.Type != "kubernetes" {
		return errors.New("only the method kubernetes is built in")
	}
	logger := log.New(&log.LoggerOptions{Name: "agent", Level: log.Info, Output: os.Stderr})
	address := api.DefaultConfig()
	address.Address = settings.Vault.Address
	client, err := api.NewClient(address)
	if err != nil {
		return err
	}
	// The client tries this one again, unlike signing in: a new pod's network may take a moment.
	if _, err := client.Sys().Health(); err != nil {
		logger.Warn("the vault does not tell how it is", "error", err)
	}
	method, err := kubernetes.NewKubernetesAuthMethod(&auth.AuthConfig{
		Logger:    logger.Named("auth.kubernetes"),
		MountPath: settings.AutoAuth.Method.MountPath,
		Config:    settings.AutoAuth.Method.Config,
	})
	if err != nil {
		return err
	}
	signing := auth.NewAuthHandler(&auth.AuthHandlerConfig{
		Logger:                logger.Named("auth.handler"),
		Client:                client,
		MinBackoff:            settings.AutoAuth.Method.MinBackoff,
		MaxBackoff:            settings.AutoAuth.Method.MaxBackoff,
		EnableTemplateTokenCh: true,
		ExitOnError:           settings.AutoAuth.Method.ExitOnError,
		MetricsSignifier:      "agent",
	})
	sinks := sink.NewSinkServer(&sink.SinkServerConfig{
		Logger:        logger.Named("sink.server"),
		Client:        client,
		ExitAfterAuth: *once,
	})
	templates := template.NewServer(&template.ServerConfig{
		Logger:        logger.Named("template.server"),
		LogLevel:      logger.GetLevel(),
		LogWriter:     os.Stderr,
		AgentConfig:   settings,
		ExitAfterAuth: *once,
	})

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := func(error) { cancel() }
	var group run.Group
	group.Add(func() error { return signing.Run(ctx, method) }, stop)
	group.Add(func() error {
		err := sinks.Run(ctx, signing.OutputCh, nil)
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-signing.OutputCh:
				}
			}
		}()
		<-templates.DoneCh
		return err
	}, stop)
	group.Add(func() error {
		return templates.Run(ctx, signing.TemplateTokenCh, settings.Templates)
	}, func(error) {
		cancel()
		templates.Stop()
	})
	return group.Run()
}
