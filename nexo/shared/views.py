"""What every view under /api/ has in common."""

from rest_framework.views import APIView


# No docstring: the OpenAPI document would describe every call by it.
class ApiView(APIView):
    # OPTIONS is refused: /api/schema/ says what there is.
    http_method_names = [name for name in APIView.http_method_names if name != "options"]
