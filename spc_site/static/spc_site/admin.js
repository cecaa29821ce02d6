/* What the skin of the admin needs beyond CSS. The pages work without it. */
"use strict";
{
    /* A card on a phone shows the title of each column before its value. */
    function labelCells() {
        document.querySelectorAll("#result_list, .tabular table").forEach(function (table) {
            const titles = Array.from(table.querySelectorAll("thead th")).map(function (cell) {
                return (cell.querySelector(".text") || cell).textContent.trim();
            });
            table.querySelectorAll("tbody tr").forEach(function (row) {
                if (row.children.length === titles.length) {
                    Array.from(row.children).forEach(function (cell, place) {
                        cell.dataset.label = titles[place];
                    });
                }
            });
        });
    }

    /* A preview follows what is typed; the server renders it from the form's fields. */
    function keepPreviews() {
        document.querySelectorAll("[data-preview-url]").forEach(function (panel) {
            const form = panel.closest("form");
            let timer = 0;
            let asked = 0;
            async function refresh() {
                const mine = ++asked;
                const answer = await fetch(panel.dataset.previewUrl, {method: "POST", body: new FormData(form)});
                if (answer.ok && mine === asked) {
                    panel.innerHTML = await answer.text();
                }
            }
            form.addEventListener("input", function () {
                clearTimeout(timer);
                timer = setTimeout(refresh, 300);
            });
            /* Typed before the script was there, or kept by the browser over a reload. */
            if (Array.from(form.elements).some((field) => field.type !== "hidden" && "defaultValue" in field && field.value !== field.defaultValue)) {
                refresh();
            }
        });
    }

    /* What is shown once can be taken with one tap. */
    function copyButtons() {
        document.querySelectorAll("button[data-copy]").forEach(function (button) {
            button.hidden = !navigator.clipboard;
            button.addEventListener("click", async function () {
                const source = document.getElementById(button.dataset.copy);
                await navigator.clipboard.writeText(source.textContent);
                button.textContent = button.dataset.done;
            });
        });
    }

    document.addEventListener("DOMContentLoaded", function () {
        labelCells();
        keepPreviews();
        copyButtons();
    });
}
