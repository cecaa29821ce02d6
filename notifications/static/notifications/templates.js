/* The form of a template: rows for more variables. The page works without it; the preview is kept
   in step by spc_site/admin.js. */
"use strict";
{
    /* A variable more: the last blank row, once again. */
    function addRows() {
        document.querySelectorAll("[data-add-row]").forEach(function (button) {
            button.hidden = false;
            button.addEventListener("click", function () {
                const body = button.closest(".variables").querySelector("tbody");
                const row = body.lastElementChild.cloneNode(true);
                row.querySelectorAll("input, textarea").forEach(function (field) {
                    field.value = "";
                });
                row.querySelector("textarea").rows = 1;
                row.querySelector("select").selectedIndex = 0;
                body.append(row);
                row.querySelector("input").focus();
            });
        });
    }

    document.addEventListener("DOMContentLoaded", function () {
        document.documentElement.classList.add("has-script");
        addRows();
    });
}
