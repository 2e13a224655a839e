require "test_helper"

class HealthTest < ActionDispatch::IntegrationTest
  test "the health check says ok and the time" do
    get "/health"
    assert_response :ok
    assert_equal "ok", response.parsed_body["status"]
    assert Time.iso8601(response.parsed_body["timestamp"])
  end
end
