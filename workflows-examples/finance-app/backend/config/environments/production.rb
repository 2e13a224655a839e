require "active_support/core_ext/integer/time"

Rails.application.configure do
  config.enable_reloading = false
  config.eager_load = true
  config.consider_all_requests_local = false

  # The load balancer asks a task for its health over HTTP and with the task's address as Host. Forced TLS would answer
  # 301 to that, and host authorization 403; everything but the health check keeps both.
  # https://api.rubyonrails.org/classes/ActionDispatch/SSL.html
  # https://api.rubyonrails.org/classes/ActionDispatch/HostAuthorization.html
  health = ->(request) { request.path == "/health" }
  config.force_ssl = true # the load balancer ends TLS and says so in X-Forwarded-Proto
  config.ssl_options = { redirect: { exclude: health } }
  # API_HOST stands in finance-infra.yml where host authorization is wanted: `API_HOST: "api.${domain}"`.
  config.hosts = [ENV["API_HOST"]].compact
  config.host_authorization = { exclude: health }

  # To stdout, where ECS's awslogs driver takes it from.
  config.logger = ActiveSupport::TaggedLogging.new(ActiveSupport::Logger.new($stdout))
  config.log_tags = [:request_id]
  config.log_level = ENV.fetch("RAILS_LOG_LEVEL", "info")

  config.active_record.dump_schema_after_migration = false

  # There is no config/master.key in the image, and no parameter for this alone: it is derived, not the same.
  config.secret_key_base = ENV.fetch("SECRET_KEY_BASE") do
    OpenSSL::HMAC.hexdigest("SHA256", ENV.fetch("JWT_SECRET_KEY"), "secret_key_base")
  end
end
