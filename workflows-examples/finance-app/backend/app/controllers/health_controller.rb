# Answers the load balancer. It says that this process serves, and asks nothing else: with a look at the database here, a
# database that is slow for a moment would make ECS replace every task at once.
class HealthController < ActionController::API
  def show
    render json: { status: "ok", timestamp: Time.now.utc.iso8601 }
  end
end
